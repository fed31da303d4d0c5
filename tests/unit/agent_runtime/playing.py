"""Plays runs against the loop alone: what a model and its tools might do, and the journal of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.loop.decision import (
    CallModel,
    CallTools,
    Command,
    afford,
    decide,
)
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.steps import Fault, ModelWork, Step, StepStatus, ToolWork, Work
from orchstack.kernel.agents import RunLimits
from orchstack.kernel.chat import ToolCall, Usage

RUN_ID = UUID("0198c5a0-0000-7000-8000-000000000003")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Turn:
    """What the model does when it is asked, what that takes, and the worst it could have cost."""

    text: str = ""
    wishes: int = 0
    tokens: int = 1
    cost: int = 0
    worst_cost: int = 0
    seconds: int = 1
    fault: str | None = None
    broken_tools: bool = False


turns = st.builds(
    Turn,
    text=st.text(max_size=5),
    wishes=st.integers(0, 3),
    tokens=st.integers(0, 900),
    cost=st.integers(0, 50),
    worst_cost=st.integers(50, 60),
    seconds=st.integers(0, 9),
    fault=st.sampled_from([None, None, None, None, "no_provider_available"]),
    broken_tools=st.booleans(),
)
limits = st.builds(
    RunLimits,
    max_steps=st.integers(1, 6),
    max_total_tokens=st.integers(1, 3_000),
    max_cost_micro_usd=st.integers(0, 300),
    max_seconds=st.integers(1, 30),
)
# Each turn is played once for a call of the model and once for its tools.
scripts = st.lists(turns, min_size=20, max_size=20)


@dataclass
class Played:
    """A run that was played: the lines as they were written, and what was decided and done."""

    state: RunState
    lines: list[Step] = field(default_factory=list)
    # After how many lines what was decided, before the budget had its say.
    decisions: list[tuple[int, Command]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    def write(self, *steps: Step) -> None:
        """Write lines of the journal."""
        self.lines += steps
        self.state = self.state.apply(*steps)


def play(bounds: RunLimits, script: list[Turn]) -> Played:
    """Play a run to its end."""
    played = Played(RunState(limits=bounds, started_at=BEGAN))
    now = BEGAN
    for turn in script:
        command = decide(played.state)
        played.decisions.append((len(played.lines), command))
        if isinstance(command, CallModel):
            command = afford(played.state, command, turn.worst_cost)
        played.commands.append(command)
        if not isinstance(command, CallModel | CallTools):
            works = plan.ending(command)
            played.write(*plan.finished(works, state=played.state, since=now, now=now))
            return played
        begun = plan.started(works_of(command), state=played.state, run_id=RUN_ID, now=now)
        played.write(*begun)
        now += timedelta(seconds=turn.seconds)
        played.write(*(finished(step, turn, now) for step in begun))
    raise AssertionError("the run did not end")


def works_of(command: CallModel | CallTools) -> tuple[Work, ...]:
    """The works that a command begins."""
    if isinstance(command, CallModel):
        return (plan.asking(command, model="m", worst_cost=0),)
    return plan.serving(command, permitted={"tool"})


def finished(step: Step, turn: Turn, now: datetime) -> Step:
    """A step as the turn ends it."""
    end = {"status": StepStatus.FINISHED, "finished_at": now}
    if isinstance(step.work, ToolWork):
        known = {"content": turn.text, "is_error": turn.broken_tools}
        return step.model_copy(update={**end, "work": step.work.model_copy(update=known)})
    assert isinstance(step.work, ModelWork)
    wishes = tuple(ToolCall(id="same", name="tool") for _ in range(turn.wishes))
    fault = Fault(code=turn.fault, detail="…") if turn.fault else None
    known = {"text": turn.text, "tool_calls": () if fault else wishes, "fault": fault}
    used = {"usage": Usage(input_tokens=turn.tokens), "cost_micro_usd": turn.cost}
    work = step.work.model_copy(update=known)
    return step.model_copy(update={**end, **used, "work": work})


def steady(turn: Turn) -> list[Turn]:
    """A model that always does the same."""
    return [turn] * 120
