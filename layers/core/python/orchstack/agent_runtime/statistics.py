"""Intervals for rates and means, and what it takes to tell two versions apart.

Only counts, means and variances are needed, so the database does the summing and no list of runs is
ever loaded. Sources, by function: Wilson, JASA 22 (1927) 209; Newcombe, Statistics in Medicine 17
(1998) 873, method 10; Welch, Biometrika 34 (1947) 28; sample sizes by Fleiss, Levin and Paik,
Statistical Methods for Rates and Proportions, 3rd ed., formula 4.14, uncorrected for continuity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95
# The chance that a difference of the size seen is found, in the number of runs still needed.
POWER: Final = 0.80
_NORMAL: Final = NormalDist()
_FEWEST: Final = 2
_PRECISION: Final = 1e-10
_TERMS: Final = 200


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its confidence interval."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether nought lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Sample:
    """A sample by its moments; `variance` is the unbiased one, 0 for a single value."""

    count: int
    mean: float
    variance: float


def sample_of(values: Sequence[float]) -> Sample:
    """Give the moments of one value or more."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Sample(len(values), mean, squares / max(1, len(values) - 1))


def percentile(values: Sequence[float], share: float) -> float:
    """Interpolate between the nearest ranks, as PostgreSQL's `percentile_cont` does."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Wilson's score interval of a rate; None without trials."""
    if trials == 0:
        return None
    z = _z(confidence)
    rate = successes / trials
    scale = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    reach = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / scale
    # At the ends rounding must not push the limit past the rate itself.
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    high = 1.0 if successes == trials else min(1.0, centre + reach)
    return Interval(rate, min(low, rate), max(high, rate))


def rate_difference(
    before: tuple[int, int], after: tuple[int, int], confidence: float = CONFIDENCE
) -> Interval | None:
    """Newcombe's hybrid score interval of `after` less `before`, each (successes, trials)."""
    first, second = wilson(*before, confidence), wilson(*after, confidence)
    if first is None or second is None:
        return None
    estimate = second.estimate - first.estimate
    down = math.hypot(second.estimate - second.low, first.high - first.estimate)
    up = math.hypot(second.high - second.estimate, first.estimate - first.low)
    return Interval(estimate, max(-1.0, estimate - down), min(1.0, estimate + up))


def mean_difference(
    before: Sample | None, after: Sample | None, confidence: float = CONFIDENCE
) -> Interval | None:
    """Welch's interval of `after` less `before`; None below two values on either side."""
    if before is None or after is None or min(before.count, after.count) < _FEWEST:
        return None
    shares = [sample.variance / sample.count for sample in (before, after)]
    estimate = after.mean - before.mean
    if sum(shares) == 0:
        return Interval(estimate, estimate, estimate)
    freedom = sum(shares) ** 2 / sum(
        share**2 / (sample.count - 1) for share, sample in zip(shares, (before, after), strict=True)
    )
    reach = student((1 + confidence) / 2, freedom) * math.sqrt(sum(shares))
    return Interval(estimate, estimate - reach, estimate + reach)


def runs_to_tell(
    before: tuple[int, int],
    after: tuple[int, int],
    *,
    confidence: float = CONFIDENCE,
    power: float = POWER,
) -> int | None:
    """How many runs of each version would show a difference of rates as large as the one seen.

    None where there is no difference to show. The number counts from nothing, not from now on.
    """
    if 0 in {before[1], after[1]}:
        return None
    first, second = before[0] / before[1], after[0] / after[1]
    if first == second:
        return None
    middle = (first + second) / 2
    reach = _z(confidence) * math.sqrt(2 * middle * (1 - middle))
    chance = _NORMAL.inv_cdf(power) * math.sqrt(first * (1 - first) + second * (1 - second))
    return math.ceil(((reach + chance) / (second - first)) ** 2)


def student(probability: float, freedom: float) -> float:
    """Quantile of Student's distribution above the median; `freedom` need not be whole.

    The distribution is the incomplete beta function (DLMF 8.17), its inverse found by bisection.
    """
    low, high = 0.0, 1.0
    while _beyond(high, freedom) > 1 - probability:
        low, high = high, high * 2
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        if _beyond(middle, freedom) > 1 - probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beyond(value: float, freedom: float) -> float:
    """The chance that a Student variable lies above a value that is not negative."""
    return _beta(freedom / (freedom + value * value), freedom / 2, 0.5) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logarithm + a * math.log(x) + b * math.log1p(-x)) / a if x > 0 else 0.0
    # Backwards from a term so late that it no longer counts.
    fraction = 1.0
    for m in range(_TERMS, 0, -1):
        half, odd = divmod(m, 2)
        if odd:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        fraction = 1 + term / fraction
    return front / fraction


def _z(confidence: float) -> float:
    return _NORMAL.inv_cdf((1 + confidence) / 2)
