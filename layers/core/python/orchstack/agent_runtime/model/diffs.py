"""What sets two runs apart: their steps side by side, from the first that differs."""

from __future__ import annotations

from typing import Literal

from orchstack.agent_runtime.model.runs import RunView
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import Json

StepKind = Literal["model", "tool", "wait", "handoff", "guard", "finish"]


class Change(Frozen):
    """One thing that differs: the values, and for a text the lines of a unified diff as well."""

    field: str
    a: Json
    b: Json
    diff: tuple[str, ...] = ()


class Measure(Frozen):
    """A figure of both runs: tokens, micro-dollars or milliseconds, as its name says."""

    name: str
    a: float
    b: float


class StepPair(Frozen):
    """A step of each run that stand for each other; None where one has no counterpart."""

    a: int | None
    b: int | None
    kind: StepKind
    # The tool, the guard's stage, the agent that took over; what else there is has no name.
    name: str
    # Whether both said and did the same, whatever it took.
    same: bool
    changes: tuple[Change, ...] = ()
    measures: tuple[Measure, ...] = ()


class RunDiff(Frozen):
    """Two runs side by side; `first_divergence` is the first pair that is not the same."""

    a: RunView
    b: RunView
    same: bool
    # Of what they were made with: agent, version, input, what a fork changed.
    origins: tuple[Change, ...]
    steps: tuple[StepPair, ...]
    first_divergence: StepPair | None
    # The lines of a unified diff of what the runs answered.
    output: tuple[str, ...]
    totals: tuple[Measure, ...]
