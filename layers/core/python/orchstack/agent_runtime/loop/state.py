"""The state of a run, folded from its journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orchstack.agent_runtime.loop.rules import Rules, limits_of
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import (
    FinishWork,
    GuardOutcome,
    GuardStage,
    GuardWork,
    HandoffWork,
    ModelWork,
    Service,
    Step,
    ToolWork,
    WaitWork,
)
from orchstack.kernel.agents import AgentDocument, RunLimits
from orchstack.kernel.chat import MicroDollars, ToolCall, Usage

_ENDING: Final = frozenset({GuardStage.INPUT, GuardStage.OUTPUT})


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
    # Of the first agent, then of each that took over.
    cast: tuple[Rules, ...] = (Rules(),)
    # The agents of the runs that asked for this one, and how deep it stands below the first.
    above: tuple[str, ...] = ()
    depth: int = 0

    @classmethod
    def of(cls, run: Run, documents: Sequence[AgentDocument]) -> RunState:
        """Begin the state of a run; `documents` are its agent's, and of each that took over."""
        parent = run.parent
        return cls(
            limits=limits_of(documents[0], parent),
            started_at=run.begun_at or run.created_at,
            cast=tuple(Rules.of(each, asked_by_agent=parent is not None) for each in documents),
            above=() if parent is None else parent.agents,
            depth=0 if parent is None else parent.depth,
        )

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
    def committed(self) -> MicroDollars:
        """The most that can have been spent: with what calls cost whose answers were lost."""
        works = (step.work for step in self.steps)
        lost = sum(work.lost_micro_usd for work in works if isinstance(work, ModelWork))
        return self.cost + lost

    @property
    def seconds(self) -> float:
        """What the run took of its own time up to the last thing that finished: no clock is asked.

        Neither its time in a queue nor the time that humans took counts.
        """
        ends = [step.finished_at for step in self.steps if step.finished_at is not None]
        passed = (max(ends, default=self.started_at) - self.started_at).total_seconds()
        return max(0.0, passed - self.waited_s)

    @property
    def waited_s(self) -> float:
        """The seconds that humans took to answer, or did not."""
        waits = (step for step in self.steps if isinstance(step.work, WaitWork))
        return sum(
            (step.finished_at - step.started_at).total_seconds()
            for step in waits
            if step.finished_at is not None
        )

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
    def services(self) -> tuple[Service, ...]:
        """All that answered a wish of a model, in order."""
        return tuple(
            step.work
            for step in self.steps
            if isinstance(step.work, ToolWork | WaitWork | HandoffWork) and step.finished
        )

    @property
    def handoffs(self) -> tuple[HandoffWork, ...]:
        """The times that another agent took over, in order."""
        return tuple(
            work for work in self.services if isinstance(work, HandoffWork) and not work.refusal
        )

    @property
    def rules(self) -> Rules:
        """The rules of the agent that is at work."""
        return self.cast[len(self.handoffs)]

    @property
    def chain(self) -> tuple[str, ...]:
        """The agents at work, from the one that was asked first; one more cannot be one of them."""
        passed = len(self.handoffs) + 1
        return (*self.above, *(rules.agent for rules in self.cast[:passed]))

    def handed_over(self, wished_by: int) -> bool:
        """Whether an answer's wish for another agent to take over was granted."""
        return any(work.wished_by == wished_by for work in self.handoffs)

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
        """The decision of a guard that ends the run: on what was asked, or what was answered."""
        decisions = (step.work for step in self.steps if isinstance(step.work, GuardWork))
        blocks = (work for work in decisions if work.outcome is GuardOutcome.BLOCKED)
        return next((work for work in blocks if work.stage in _ENDING), None)

    def verdict(self, step: Step) -> GuardWork | None:
        """Whether an answer fits the output schema, if its agent has one."""
        decisions = (other.work for other in self.steps if isinstance(other.work, GuardWork))
        verdicts = (work for work in decisions if work.stage is GuardStage.SCHEMA)
        return next((work for work in verdicts if work.concerns == step.seq), None)

    def unanswered(self, wished_by: Step) -> tuple[PlannedCall, ...]:
        """The wishes of an answer that nothing has answered yet, in their order."""
        if not isinstance(wished_by.work, ModelWork):
            return ()
        done = {w.position for w in self.services if w.wished_by == wished_by.seq}
        return tuple(
            PlannedCall(position, call)
            for position, call in enumerate(wished_by.work.tool_calls)
            if position not in done
        )
