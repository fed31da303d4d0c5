"""The statistics behind a rollback; `tests/bench/canary.py` measures them at length."""

from __future__ import annotations

from itertools import product
from math import comb, exp, isclose
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.control_plane.canaries.evidence import after, findings, log_e_rate, rejudged
from orchstack.control_plane.model.canaries import RollbackRules
from orchstack.control_plane.model.evidence import Finding, Rule, RunResult, Trial
from orchstack.kernel.agents import Variant

OTHER: dict[Variant, Variant] = {"stable": "canary", "canary": "stable"}
OFF = {"max_error_rate": None, "max_error_ratio": None, "max_cost_ratio": None}
RESULTS = st.builds(
    RunResult, st.sampled_from(("stable", "canary")), st.booleans(), st.integers(0, 1_000_000)
)


def run(variant: Variant, cost: int = 0, *, failed: bool = False) -> RunResult:
    """One run of a version."""
    return RunResult(variant, failed, cost)


def only(rule: Rule, bound: float) -> RollbackRules:
    """One rule, the others off."""
    return RollbackRules.model_validate({**OFF, rule: bound})


def tried(results: list[RunResult], rules: RollbackRules) -> Trial:
    """A trial of these runs."""
    trial = Trial()
    for result in results:
        trial = after(trial, result, rules)
    return trial


def finding(results: list[RunResult], rule: Rule, bound: float) -> Finding:
    """What one rule makes of these runs."""
    rules = only(rule, bound)
    (found,) = findings(tried(results, rules), rules)
    return found


@pytest.mark.parametrize("bound", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
def test_a_rate_within_its_bound_earns_nothing(bound: float, share: float) -> None:
    """Of 12 runs that fail at the bound or below it, evidence is at most 1 on average, exactly."""
    rate = bound * share
    mean = sum(
        comb(12, k) * rate**k * (1 - rate) ** (12 - k) * exp(log_e_rate(12, k, bound))
        for k in range(13)
    )

    assert mean <= 1 + 1e-9
    assert isclose(mean, 1, abs_tol=1e-9) == (share == 1.0)


@pytest.mark.parametrize("few", ["canary", "stable"])
@pytest.mark.parametrize("many", [1, 2, 4])
@pytest.mark.parametrize("rate", [0.05, 0.4, 0.95])
def test_the_same_error_rate_earns_nothing(few: Variant, many: int, rate: float) -> None:
    """Over all ways in which a block of equals can fail, evidence is at most 1 on average."""
    mean = 0.0
    for pattern in product((False, True), repeat=many + 1):
        variants = [OTHER[few]] * many + [few]
        chance = rate ** sum(pattern) * (1 - rate) ** (many + 1 - sum(pattern))
        block = [run(v, failed=f) for v, f in zip(variants, pattern, strict=True)]
        mean += chance * finding(block, "max_error_ratio", 1.0).e_value

    assert mean <= 1 + 1e-9


@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=6), st.sampled_from(("stable", "canary"))
)
def test_the_same_costs_earn_nothing(costs: list[int], few: Variant) -> None:
    """Whichever of a block's runs is the one version's, evidence is at most 1 on average."""
    mean = 0.0
    for index, cost in enumerate(costs):
        others = costs[:index] + costs[index + 1 :]
        block = [*(run(OTHER[few], other) for other in others), run(few, cost)]
        mean += finding(block, "max_cost_ratio", 1.05).e_value / len(costs)

    assert mean <= 1 + 1e-9


@given(st.lists(RESULTS, max_size=40), st.randoms(use_true_random=False))
def test_counts_do_not_depend_on_order(results: list[RunResult], random: Random) -> None:
    """Nor does the evidence against a rate, which is made of counts alone."""
    shuffled = random.sample(results, len(results))
    rules = only("max_error_rate", 0.2)
    one, other = tried(results, rules), tried(shuffled, rules)

    assert (one.stable, one.canary) == (other.stable, other.canary)
    assert findings(one, rules) == findings(other, rules)


@given(st.lists(RESULTS, max_size=60))
def test_any_run_can_be_counted(results: list[RunResult]) -> None:
    """Evidence is a number whatever comes, and a trial survives being stored."""
    rules = RollbackRules()
    trial = tried(results, rules)

    assert trial == Trial.model_validate_json(trial.model_dump_json())
    assert all(0 <= found.e_value <= 1e12 for found in findings(trial, rules))
    assert len(results) == trial.stable.runs + trial.canary.runs


def test_a_dearer_version_must_pass_the_bound_itself() -> None:
    """Proven dearer is not enough: at 1.9 times the cost a bound of 2 is kept."""
    dearer = [run("stable", 1_000), run("canary", 1_900)] * 200
    too_dear = [run("stable", 1_000), run("canary", 2_100)] * 200

    assert not finding(dearer, "max_cost_ratio", 2.0).broken
    assert finding(too_dear, "max_cost_ratio", 2.0).broken


def test_what_costs_nothing_sets_no_bar() -> None:
    """A stable version on a free model is no measure for one that is paid."""
    results = [run("stable", 0), run("canary", 9_000)] * 50
    found = finding(results, "max_cost_ratio", 2.0)

    assert (None, False) == (found.observed, found.broken)


def test_a_rule_that_is_off_finds_nothing() -> None:
    """Without rules a canary never ends by itself."""
    rules = RollbackRules.model_validate(OFF)

    assert () == findings(tried([run("canary", 1, failed=True)] * 99, rules), rules)


def test_another_bound_begins_anew() -> None:
    """Counts stay; evidence against the old bound is none against the new."""
    before = RollbackRules()
    trial = tried([run("stable", 1), run("canary", 5, failed=True)] * 9, before)
    now = before.model_copy(update={"max_error_ratio": 3.0})
    changed = rejudged(trial, before, now)

    assert (trial.canary, trial.log_cost) == (changed.canary, changed.log_cost)
    assert () == changed.log_odds
    assert trial == rejudged(trial, before, before)
