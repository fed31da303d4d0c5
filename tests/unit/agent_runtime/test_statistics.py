"""The statistics hold what they promise: known values, and intervals that cover the truth."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.statistics import (
    Interval,
    mean_difference,
    percentile,
    rate_difference,
    runs_to_tell,
    sample_of,
    student,
    wilson,
)

ROUNDS = 1_000
numbers = st.floats(-1e6, 1e6)
counts = st.integers(0, 500).flatmap(
    lambda trials: st.tuples(st.integers(0, trials), st.just(trials))
)


def covered(truth: float, draw: Callable[[random.Random], Interval | None]) -> float:
    """How often an interval holds the truth."""
    chance = random.Random(20_260_101)  # noqa: S311 - a simulation
    intervals = [found for _ in range(ROUNDS) if (found := draw(chance)) is not None]
    return sum(i.low <= truth <= i.high for i in intervals) / len(intervals)


def drawn(chance: random.Random, rate: float, trials: int) -> tuple[int, int]:
    """Successes of so many trials."""
    return sum(chance.random() < rate for _ in range(trials)), trials


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (5, 2.5706),
        (10, 2.2281),
        (30, 2.0423),
        (120, 1.9799),
    ],
)
def test_students_quantiles_are_those_of_the_tables(freedom: float, expected: float) -> None:
    """To four digits, for 95 % between the tails."""
    assert expected == pytest.approx(student(0.975, freedom), abs=5e-5)


def test_the_intervals_are_those_of_newcombes_paper() -> None:
    """81 of 263; and 56 of 70 against 48 of 80, by the methods 3 and 10 of his two papers."""
    rate, difference = wilson(81, 263), rate_difference((48, 80), (56, 70))

    assert rate is not None
    assert difference is not None
    assert (0.2553, 0.3662) == pytest.approx((rate.low, rate.high), abs=5e-5)
    assert (0.0524, 0.3339) == pytest.approx((difference.low, difference.high), abs=5e-5)


def test_the_runs_to_tell_are_those_of_the_textbook() -> None:
    """50 % against 60 % takes 388 of each, at 95 % confidence and 80 % power."""
    assert 388 == runs_to_tell((50, 100), (60, 100))
    assert runs_to_tell((5, 10), (50, 100)) is None
    assert runs_to_tell((0, 0), (1, 1)) is None


@given(counts, counts)
def test_an_interval_holds_its_estimate_and_is_possible(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Rates stay between nought and one, and their difference turns round with its sides."""
    rate, there = wilson(*before), rate_difference(before, after)
    back = rate_difference(after, before)

    assert (rate is None) == (before[1] == 0)
    assert rate is None or 0 <= rate.low <= rate.estimate <= rate.high <= 1
    if there is not None and back is not None:
        assert -1 <= there.low <= there.estimate <= there.high <= 1
        assert (-back.high, -back.low) == pytest.approx((there.low, there.high))


@given(st.lists(numbers, min_size=2, max_size=30))
def test_moments_are_those_of_the_standard_library(values: list[float]) -> None:
    """Mean and unbiased variance; one value has no variance."""
    sample = sample_of(values)

    assert len(values) == sample.count
    assert fmean(values) == pytest.approx(sample.mean)
    assert variance(values) == pytest.approx(sample.variance, rel=1e-9, abs=1e-6)
    assert 0 == sample_of(values[:1]).variance


@given(st.lists(numbers, min_size=1, max_size=30), st.floats(0, 1))
def test_a_percentile_lies_among_the_values(values: list[float], share: float) -> None:
    """Nought is the least, one the greatest, and it never falls as the share grows."""
    found = percentile(values, share)

    assert min(values) <= found + 1e-6
    assert found <= max(values) + 1e-6
    assert (min(values), max(values)) == (percentile(values, 0), percentile(values, 1))
    assert percentile(values, share / 2) <= found + 1e-6


@pytest.mark.parametrize(("rate", "trials"), [(0.5, 30), (0.9, 40), (0.97, 100), (0.05, 60)])
def test_wilsons_interval_covers_the_rate(rate: float, trials: int) -> None:
    """95 times in a hundred, give or take two, also at the edges and for few trials."""
    found = covered(rate, lambda chance: wilson(*drawn(chance, rate, trials)))

    assert 0.93 <= found <= 0.985


@pytest.mark.parametrize(
    ("before", "after", "trials"),
    [(0.8, 0.9, 50), (0.95, 0.95, 40), (0.3, 0.7, 30), (0.9, 0.6, 200)],
)
def test_newcombes_interval_covers_the_difference(before: float, after: float, trials: int) -> None:
    """95 times in a hundred, give or take two."""

    def draw(chance: random.Random) -> Interval | None:
        return rate_difference(drawn(chance, before, trials), drawn(chance, after, 2 * trials))

    assert 0.93 <= covered(after - before, draw) <= 0.985


@pytest.mark.parametrize(("count", "spread"), [(10, 1.0), (40, 4.0)])
def test_welchs_interval_covers_the_difference_of_means(count: int, spread: float) -> None:
    """Also where one side is larger and more even than the other."""

    def draw(chance: random.Random) -> Interval | None:
        before = [chance.gauss(100, 10) for _ in range(count)]
        after = [chance.gauss(90, 10 * spread) for _ in range(2 * count)]
        return mean_difference(sample_of(before), sample_of(after))

    assert 0.93 <= covered(-10, draw) <= 0.97


def test_welchs_interval_bears_skewed_latencies() -> None:
    """Log-normal ones, as latencies and costs are: 93 of a hundred at least for sixty runs."""

    def draw(chance: random.Random) -> Interval | None:
        sides = [[chance.lognormvariate(0, 0.8) for _ in range(60)] for _ in range(2)]
        return mean_difference(sample_of(sides[0]), sample_of(sides[1]))

    assert 0.93 <= covered(0, draw) <= 0.97


def test_too_little_is_known_to_tell() -> None:
    """Of no trials, of one value, of nothing."""
    one, two = sample_of([1.0]), sample_of([1.0, 2.0])

    assert wilson(0, 0) is None
    assert rate_difference((0, 0), (1, 2)) is None
    assert mean_difference(one, two) is None
    assert mean_difference(None, two) is None


def test_values_that_never_differ_leave_no_doubt() -> None:
    """The interval is a point, and not NaN."""
    found = mean_difference(sample_of([2.0] * 5), sample_of([3.0] * 5))

    assert Interval(1.0, 1.0, 1.0) == found
    assert found.excludes_zero
    assert math.isfinite(found.high)
