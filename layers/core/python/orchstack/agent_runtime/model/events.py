"""What the runtime tells: CloudEvents data for the bus, and the live events of one run."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from orchstack.agent_runtime.model.runs import Run, RunView, Stages
from orchstack.agent_runtime.model.steps import Fault, FinishReason
from orchstack.kernel.agents import AgentName
from orchstack.kernel.chat import MicroDollars, Usage
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import JsonObject


class RunStarted(Frozen):
    """A run began: data of `agent_runtime.RunStarted.v1`."""

    run_id: UUID
    agent: AgentName
    version: int
    session_id: UUID | None
    started_at: AwareDatetime


class _RunEnded(Frozen):
    run_id: UUID
    agent: AgentName
    version: int
    session_id: UUID | None
    finish_reason: FinishReason
    usage: Usage
    cost_micro_usd: MicroDollars
    step_count: int
    latency_ms: Stages
    started_at: AwareDatetime
    finished_at: AwareDatetime


class RunCompleted(_RunEnded):
    """A run ended with an answer, or a part of one: data of `agent_runtime.RunCompleted.v1`."""


class RunFailed(_RunEnded):
    """A run ended without an answer: data of `agent_runtime.RunFailed.v1`."""

    error: Fault


class RunCancelled(_RunEnded):
    """A run ended at somebody's wish: data of `agent_runtime.RunCancelled.v1`."""


class RunErased(Frozen):
    """The texts of a run were erased: data of `agent_runtime.RunErased.v1`."""

    run_id: UUID
    agent: AgentName
    version: int
    session_id: UUID | None
    erased_at: AwareDatetime


class LiveEventName(StrEnum):
    """The names of the Server-Sent Events of a run."""

    RUN_STARTED = "run.started"
    MODEL_STARTED = "model.started"
    TEXT_DELTA = "text.delta"
    MODEL_COMPLETED = "model.completed"
    TOOL_STARTED = "tool.started"
    TOOL_COMPLETED = "tool.completed"
    GUARD_DECIDED = "guard.decided"
    # A human is asked, and has answered (or nobody did in time).
    RUN_WAITING = "run.waiting"
    RUN_RESUMED = "run.resumed"
    AGENT_CHANGED = "agent.changed"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"

    @property
    def last(self) -> bool:
        """Whether no event of the run follows this one."""
        return self in {
            LiveEventName.RUN_COMPLETED,
            LiveEventName.RUN_FAILED,
            LiveEventName.RUN_CANCELLED,
        }


class EventId(NamedTuple):
    """Where an event stands in its run's tale; ids rise strictly, and the journal gives the same.

    `step` is the number of the step, or of the first of those that go together; `attempt` counts
    from 1; `nth` counts from 0 within the two, without gaps.
    """

    step: int
    attempt: int
    nth: int

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Read `3.1.7`. Raises ValueError."""
        if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", text):
            raise ValueError("no event id")
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        """Write `3.1.7`."""
        return f"{self.step}.{self.attempt}.{self.nth}"


@dataclass(frozen=True)
class LiveEvent:
    """An event of one run."""

    id: EventId
    name: LiveEventName
    data: JsonObject


@dataclass(frozen=True, kw_only=True)
class Answering:
    """A run on its way to its answer: taking the events is what carries it on.

    They end with the run's last event, or before: where a human is asked, where the function's time
    is over, and at once for a run in the background. What they return is the run as it stands then.
    """

    run_id: UUID
    events: Generator[LiveEvent, None, Run]
    # Whether the run had been begun by an earlier request with the same key.
    replayed: bool = False

    def whole(self) -> RunView:
        """Carry the run on for as long as that goes; raises what ends it early."""
        while True:
            try:
                next(self.events)
            except StopIteration as end:
                return RunView.of(end.value)
