"""What a canary's runs came to, and what the rules make of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from orchstack.kernel.agents import Variant
from orchstack.kernel.frozen import Frozen

Rule = Literal["max_error_rate", "max_error_ratio", "max_cost_ratio"]


class RunResult(NamedTuple):
    """What one run of a canary's two versions came to; cost in micro-dollars."""

    variant: Variant
    failed: bool
    cost_micro_usd: int


class Arm(Frozen):
    """The runs of one version during a canary, added up; cost in micro-dollars."""

    runs: int = 0
    failures: int = 0
    cost_micro_usd: int = 0


class Block(Frozen):
    """The runs of one version that wait to be set against the other's.

    `powers` are the sums of their costs raised to `canaries.evidence.POWERS`.
    """

    runs: int = 0
    failures: int = 0
    powers: tuple[float, ...] = ()


class Trial(Frozen):
    """All that is kept of a canary's runs: two arms, the open block, and the evidence so far.

    `log_odds` and `log_cost` are natural logarithms of e-processes, one for each alternative.
    """

    stable: Arm = Arm()
    canary: Arm = Arm()
    open_stable: Block = Block()
    open_canary: Block = Block()
    log_odds: tuple[float, ...] = ()
    log_cost: tuple[float, ...] = ()


class Finding(Frozen):
    """What one rule makes of a trial: it is broken once `e_value` reaches `needed`.

    An e-value of 300 is what gambling against the rule would have made of a stake of 1. `observed`
    is null where it divides by nothing, as by a stable version that never failed.
    """

    rule: Rule
    bound: float
    observed: float | None
    e_value: float
    needed: float
    broken: bool
