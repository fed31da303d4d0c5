"""The state of a run, folded from its journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from orchstack.agent_runtime.model.steps import (
    FinishWork,
    GuardOutcome,
    GuardStage,
    GuardWork,
    ModelWork,
    Step,
    ToolWork,
)
from orchstack.kernel.agents import RunLimits
from orchstack.kernel.chat import MicroDollars, ToolCall, Usage


@dataclass(frozen=True)
class PlannedCall:
    """A tool call and its place among an answer's wishes; its id may be reused, its place not."""

    position: int
    call: ToolCall


@dataclass(frozen=True, kw_only=True)
class RunState:
    """What a decision rests on; the same steps, taken in any order, give the same state."""

    limits: RunLimits
    started_at: datetime
    steps: tuple[Step, ...] = ()

    def apply(self, *steps: Step) -> RunState:
        """Take in steps; a finished one replaces its own start, a start never undoes a finish."""
        known = {step.seq: step for step in self.steps}
        for step in steps:
            if step.seq not in known or not known[step.seq].finished:
                known[step.seq] = step
        return replace(self, steps=tuple(known[seq] for seq in sorted(known)))

    @property
    def next_seq(self) -> int:
        """The number of the next step."""
        return self.steps[-1].seq + 1 if self.steps else 1

    @property
    def usage(self) -> Usage:
        """The tokens used so far."""
        return sum((step.usage for step in self.steps), Usage())

    @property
    def cost(self) -> MicroDollars:
        """The money spent so far."""
        return sum(step.cost_micro_usd for step in self.steps)

    @property
    def seconds(self) -> float:
        """From the start of the run to the last thing that finished: no clock is asked."""
        ends = [step.finished_at for step in self.steps if step.finished_at is not None]
        return (max(ends) - self.started_at).total_seconds() if ends else 0.0

    @property
    def answers(self) -> tuple[tuple[Step, ModelWork], ...]:
        """The finished calls of models, in order."""
        return tuple(
            (step, step.work)
            for step in self.steps
            if isinstance(step.work, ModelWork) and step.finished
        )

    @property
    def tool_results(self) -> tuple[ToolWork, ...]:
        """The finished calls of tools, in order."""
        return tuple(
            step.work for step in self.steps if isinstance(step.work, ToolWork) and step.finished
        )

    @property
    def step_count(self) -> int:
        """How many calls of models and tools have finished."""
        return len(self.answers) + len(self.tool_results)

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that are planned and not finished."""
        return tuple(step for step in self.steps if not step.finished)

    @property
    def end(self) -> FinishWork | None:
        """How the run ended, once it has."""
        works = (step.work for step in self.steps)
        return next((work for work in works if isinstance(work, FinishWork)), None)

    @property
    def block(self) -> GuardWork | None:
        """The decision of a guard that ends the run; a blocked tool result does not."""
        decisions = (step.work for step in self.steps if isinstance(step.work, GuardWork))
        blocks = (work for work in decisions if work.outcome is GuardOutcome.BLOCKED)
        return next((work for work in blocks if work.stage is not GuardStage.TOOL), None)

    def unanswered(self, wished_by: Step) -> tuple[PlannedCall, ...]:
        """The tool calls of an answer that have no result yet, in the order of the wishes."""
        if not isinstance(wished_by.work, ModelWork):
            return ()
        done = {w.position for w in self.tool_results if w.wished_by == wished_by.seq}
        return tuple(
            PlannedCall(position, call)
            for position, call in enumerate(wished_by.work.tool_calls)
            if position not in done
        )
