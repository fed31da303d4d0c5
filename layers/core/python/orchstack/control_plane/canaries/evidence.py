"""Is the new version worse, or was it chance? Sequential tests that may be asked after every run.

Each rule keeps an e-process: a capital that grows only while the rule is broken. If it is not, the
capital ever reaches 1/a with probability a at most (Ville's inequality), however often it is
looked at; see Ramdas, Grünwald, Vovk, Shafer: "Game-theoretic statistics and safe anytime-valid
inference", Statistical Science 38 (2023).

max_error_rate     Wald's likelihood ratio of the rate q against the bound p, for any rate up to p,
                   averaged over six q (Robbins: "Statistical methods related to the law of the
                   iterated logarithm", 1970). It takes the two counts, in whatever order they came.
max_error_ratio    Runs are set against each other in blocks that close once both versions are in
                   them. Given how many of a block failed, which of them are the canary's is
                   Fisher's noncentral hypergeometric; the factor is its likelihood ratio of an odds
                   ratio against the bound. The common error rate drops out. After Turner, Ly,
                   Grünwald: "Generic E-variables for exact sequential k-sample tests" (2024).
max_cost_ratio     If costs are the same or less, any of a block's runs may be the canary's: the
                   mean of the canary's over the mean of all, for increasing functions of cost, is
                   at most 1 on average whatever the distribution (a permutation e-value; Koning:
                   "Post-hoc and anytime valid permutation and group invariance testing", 2023).
                   The canary's costs are divided by the root of the bound first, so that it must
                   be proven dearer than half way to it; and the mean over all its runs must pass
                   the bound itself.

What is assumed: a run's result does not depend on the runs before it (a session that fails over and
over counts each time), and a run's result does not decide when it is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log, sqrt
from typing import Final

from orchstack.control_plane.model.canaries import RollbackRules
from orchstack.control_plane.model.evidence import Arm, Block, Finding, Rule, RunResult, Trial

# Of canaries that break no rule, at most this share is ended by one.
FALSE_ALARMS: Final = 0.01
# Rates between the bound (0) and certain failure (1) that the first rule bets on.
_RATES: Final = (0.1, 0.2, 0.35, 0.55, 0.8, 0.99)
# Multiples of the greatest odds ratio allowed that the second rule bets on.
_ODDS: Final = (1.5, 3.0, 8.0, 20.0)
# The third rule's functions of cost: where the stable runs are fewer, decreasing ones of theirs.
POWERS: Final = (0.5, 1.0, -0.5, -1.0)
_FUNCTIONS: Final = 2
_GREATEST_SHOWN: Final = 1e12


def after(trial: Trial, result: RunResult, rules: RollbackRules) -> Trial:
    """Add a run to a trial."""
    canary, cost = result.variant == "canary", result.cost_micro_usd
    arm, block = (trial.canary, trial.open_canary) if canary else (trial.stable, trial.open_stable)
    counted = Arm(
        runs=arm.runs + 1,
        failures=arm.failures + result.failed,
        cost_micro_usd=arm.cost_micro_usd + cost,
    )
    waiting = Block(
        runs=block.runs + 1,
        failures=block.failures + result.failed,
        powers=_added(block.powers, _powers(cost, rules.max_cost_ratio if canary else None)),
    )
    name = "canary" if canary else "stable"
    return _closed(trial.model_copy(update={name: counted, f"open_{name}": waiting}), rules)


def rejudged(trial: Trial, before: RollbackRules, now: RollbackRules) -> Trial:
    """Change the rules of a trial: what was evidence against another bound is forgotten."""
    changed: dict[str, object] = {}
    if before.max_error_ratio != now.max_error_ratio:
        changed = {"log_odds": ()}
    if before.max_cost_ratio != now.max_cost_ratio:
        changed |= {"log_cost": ()}
    if changed:
        changed |= {"open_stable": Block(), "open_canary": Block()}
    return trial.model_copy(update=changed)


def findings(trial: Trial, rules: RollbackRules) -> tuple[Finding, ...]:
    """Say what each rule that is on makes of a trial."""
    given: dict[Rule, float | None] = {
        "max_error_rate": rules.max_error_rate,
        "max_error_ratio": rules.max_error_ratio,
        "max_cost_ratio": rules.max_cost_ratio,
    }
    on: dict[Rule, float] = {rule: bound for rule, bound in given.items() if bound is not None}
    needed = len(on) / FALSE_ALARMS
    return tuple(_finding(rule, bound, trial, needed) for rule, bound in on.items())


def log_e_rate(runs: int, failures: int, bound: float) -> float:
    """The logarithm of the evidence that more than `bound` of all runs fail."""
    rates = [bound + (1 - bound) * part for part in _RATES]
    return _mean_of_logs(
        [failures * log(q / bound) + (runs - failures) * log((1 - q) / (1 - bound)) for q in rates]
    )


def _finding(rule: Rule, bound: float, trial: Trial, needed: float) -> Finding:
    stable, canary = trial.stable, trial.canary
    observed: float | None
    match rule:
        case "max_error_rate":
            observed = _ratio(canary.failures, canary.runs)
            evidence = log_e_rate(canary.runs, canary.failures, bound)
        case "max_error_ratio":
            observed = _ratio(
                canary.failures * (stable.runs - stable.failures),
                stable.failures * (canary.runs - canary.failures),
            )
            evidence = _mean_of_logs(trial.log_odds)
        case "max_cost_ratio":
            observed = _ratio(
                canary.cost_micro_usd * stable.runs, stable.cost_micro_usd * canary.runs
            )
            evidence = _mean_of_logs(trial.log_cost)
    proven = evidence >= log(needed)
    passed = rule != "max_cost_ratio" or (observed is not None and observed > bound)
    return Finding(
        rule=rule,
        bound=bound,
        observed=observed,
        e_value=min(exp(min(evidence, log(_GREATEST_SHOWN))), _GREATEST_SHOWN),
        needed=needed,
        broken=proven and passed,
    )


def _closed(trial: Trial, rules: RollbackRules) -> Trial:
    """Turn the open block into evidence once both versions are in it."""
    canary, stable = trial.open_canary, trial.open_stable
    if not canary.runs or not stable.runs:
        return trial
    odds, cost = trial.log_odds, trial.log_cost
    if rules.max_error_ratio is not None:
        odds = _added(odds, _log_odds(canary, stable, rules.max_error_ratio))
    if rules.max_cost_ratio is not None:
        cost = _added(cost, _log_cost(canary, stable))
    return trial.model_copy(
        update={
            "open_canary": Block(),
            "open_stable": Block(),
            "log_odds": odds,
            "log_cost": cost,
        }
    )


def _log_odds(canary: Block, stable: Block, bound: float) -> tuple[float, ...]:
    """The likelihood ratio of each multiple of the bound, given how many of the block failed."""
    at_bound = _log_total(canary, stable, bound)
    return tuple(
        canary.failures * log(multiple) - _log_total(canary, stable, bound * multiple) + at_bound
        for multiple in _ODDS
    )


def _log_total(canary: Block, stable: Block, odds: float) -> float:
    """The normalising sum of Fisher's noncentral hypergeometric distribution."""
    failed = canary.failures + stable.failures
    possible = range(max(0, failed - stable.runs), min(failed, canary.runs) + 1)
    return _log_sum(
        [_ways(canary.runs, k) + _ways(stable.runs, failed - k) + k * log(odds) for k in possible]
    )


def _log_cost(canary: Block, stable: Block) -> tuple[float, ...]:
    """The mean of one version's runs over that of all, by the version that has fewer."""
    if canary.runs <= stable.runs:
        few, functions = canary, range(_FUNCTIONS)
    else:
        few, functions = stable, range(_FUNCTIONS, 2 * _FUNCTIONS)
    runs = canary.runs + stable.runs
    return tuple(
        log(few.powers[i] / few.runs * runs / (canary.powers[i] + stable.powers[i]))
        for i in functions
    )


def _powers(cost_micro_usd: int, bound: float | None) -> tuple[float, ...]:
    # One more, because nothing has no negative power.
    cost = (cost_micro_usd + 1) / (1 if bound is None else sqrt(bound))
    return tuple(cost**power for power in POWERS)


def _added(old: Sequence[float], new: Sequence[float]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(old or (0.0,) * len(new), new, strict=True))


def _ways(runs: int, failures: int) -> float:
    """The logarithm of the number of ways to choose the runs that failed."""
    return lgamma(runs + 1) - lgamma(failures + 1) - lgamma(runs - failures + 1)


def _log_sum(logs: Sequence[float]) -> float:
    greatest = max(logs)
    return greatest + log(sum(exp(value - greatest) for value in logs))


def _mean_of_logs(logs: Sequence[float]) -> float:
    """The logarithm of the mean of what these are the logarithms of; 0 without any."""
    return _log_sum(logs) - log(len(logs)) if logs else 0.0


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
