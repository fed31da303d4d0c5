"""How soon a canary that is worse is rolled back, and how often one that is not.

`python -m tests.bench canary` prints both. Runs are drawn from a seeded generator and counted by
the same rules as those of a real canary; nothing else takes part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from orchstack.control_plane.canaries.evidence import after, findings
from orchstack.control_plane.model.canaries import RollbackRules
from orchstack.control_plane.model.evidence import Rule, RunResult, Trial

SOON = 50
WHOLE = 2_000
_COST = 1_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two versions: error rates, and the canary's cost as a multiple of the stable version's.

    Costs are log-normal; `spread` is the deviation of their logarithm. `weight` is the canary's
    share.
    """

    name: str
    stable: float
    canary: float
    dearer: float = 1.0
    spread: float = 0.5
    weight: float = 0.1
    rules: RollbackRules = field(default_factory=RollbackRules)


@dataclass(frozen=True)
class Outcome:
    """How many of `canaries` were rolled back, after how many runs of theirs, by which rules."""

    case: Case
    canaries: int
    runs: tuple[int, ...]
    rules: frozenset[Rule]

    @property
    def share(self) -> float:
        """The part of the canaries that was rolled back."""
        return len(self.runs) / self.canaries

    @property
    def median(self) -> str:
        """The median number of runs to the rollback, if half were rolled back."""
        ordered = sorted(self.runs)
        middle = self.canaries // 2
        return str(ordered[middle]) if middle < len(ordered) else "-"


def _worse(
    name: str, canary: float, *, stable: float = 0.05, dearer: float = 1.0
) -> Iterator[Case]:
    case = Case(name=name, stable=stable, canary=canary, dearer=dearer)
    yield case
    yield replace(case, weight=0.5)


REGRESSIONS: tuple[Case, ...] = (
    *_worse("every run fails", 1.0),
    *_worse("errors 5 % to 60 %", 0.6),
    *_worse("errors 5 % to 40 %", 0.4),
    *_worse("errors 5 % to 30 %", 0.3),
    *_worse("errors 5 % to 20 %", 0.2),
    *_worse("errors 1 % to 20 %", 0.2, stable=0.01),
    *_worse("5 times as dear", 0.05, dearer=5.0),
    *_worse("3 times as dear", 0.05, dearer=3.0),
    *_worse("2.5 times as dear", 0.05, dearer=2.5),
)
_STRICT = RollbackRules(max_error_rate=0.2, max_error_ratio=1.0, max_cost_ratio=1.2)
SAME: tuple[Case, ...] = (
    Case(name="2 % errors, default rules", stable=0.02, canary=0.02),
    Case(name="5 % errors, a bound of 20 %", stable=0.05, canary=0.05, rules=_STRICT),
    Case(name="20 % errors, a bound of 20 %", stable=0.2, canary=0.2, rules=_STRICT),
    Case(name="half of the sessions", stable=0.1, canary=0.1, weight=0.5, rules=_STRICT),
    Case(name="nine of ten sessions", stable=0.1, canary=0.1, weight=0.9, rules=_STRICT),
    Case(name="wild costs", stable=0.1, canary=0.1, spread=1.5, rules=_STRICT),
)


def measure(case: Case, *, canaries: int, longest: int, seed: int = 1) -> Outcome:
    """Play canaries of `longest` runs each."""
    random = Random(f"{case.name} {case.weight} {seed}")  # noqa: S311 - a simulation
    ended = [end for _ in range(canaries) if (end := _end(case, random, longest))]
    return Outcome(
        case,
        canaries,
        tuple(runs for runs, _ in ended),
        frozenset(rule for _, broken in ended for rule in broken),
    )


def _end(case: Case, random: Random, longest: int) -> tuple[int, tuple[Rule, ...]] | None:
    """After how many of its runs a canary is rolled back, and by which rules; None if it is not."""
    trial, draw = Trial(), _runs(case, random)
    while trial.canary.runs < longest:
        trial = after(trial, next(draw), case.rules)
        found = findings(trial, case.rules)
        broken = tuple(finding.rule for finding in found if finding.broken)
        if broken:
            return trial.canary.runs, broken
    return None


def _runs(case: Case, random: Random) -> Iterator[RunResult]:
    while True:
        if random.random() < case.weight:
            failed, cost = random.random() < case.canary, _COST * case.dearer
            yield RunResult("canary", failed, _drawn(random, cost, case.spread))
        else:
            failed = random.random() < case.stable
            yield RunResult("stable", failed, _drawn(random, _COST, case.spread))


def _drawn(random: Random, mean: float, spread: float) -> int:
    """Draw a log-normal cost with this mean, in micro-dollars."""
    return round(mean * math.exp(random.gauss(0, spread) - spread**2 / 2))


def table(cases: tuple[Case, ...], play: Callable[[Case], Outcome]) -> Iterator[tuple[str, ...]]:
    """Rows of what was measured: name, weight, share rolled back, median runs, rules."""
    for case in cases:
        found = play(case)
        yield (
            case.name,
            f"{case.weight:.0%}",
            f"{found.share:.1%}",
            found.median,
            ", ".join(sorted(rule.removeprefix("max_") for rule in found.rules)) or "-",
        )
