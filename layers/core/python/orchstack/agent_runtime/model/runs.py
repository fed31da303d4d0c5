"""A run as it is kept and as it is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.agent_runtime.model.attachments import Attachment, AttachmentIn, AttachmentView
from orchstack.agent_runtime.model.steps import (
    Fault,
    FinishReason,
    RunStatus,
    Step,
    StepStatus,
    Work,
)
from orchstack.kernel.agents import NO_NUL, AgentDocument, AgentName, RunLimits
from orchstack.kernel.chat import Message, MicroDollars, Usage
from orchstack.kernel.errors import RequestInFlight
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import Json, JsonObject

MAX_INPUT = 200_000
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
MetadataValue = Annotated[str, Field(max_length=500, pattern=NO_NUL)]
Metadata = Annotated[dict[MetadataName, MetadataValue], Field(max_length=16)]


class Mode(StrEnum):
    """How a caller wants the answer: whole, as it comes, or later."""

    WAIT = "wait"
    STREAM = "stream"
    # Answered at once with the accepted run; the state machine carries it on.
    BACKGROUND = "background"


class Stages(Frozen):
    """Milliseconds a run spent in each stage; `total` is from the request to the end."""

    router: float = 0.0
    guard: float = 0.0
    model: float = 0.0
    tools: float = 0.0
    database: float = 0.0
    total: float = 0.0


class Overrides(Frozen):
    """What a fork changes of the document of the agent that is at work where it begins."""

    instructions: str | None = None
    model: str | None = None

    def over(self, document: AgentDocument) -> AgentDocument:
        """Give the document as the fork has it."""
        changed = {"instructions": self.instructions, "model": self.model}
        known = {name: value for name, value in changed.items() if value is not None}
        return document.model_copy(update=known) if known else document


class Parent(Frozen):
    """The run whose step asked this one; `depth` counts from 1, `agents` is the chain above.

    `limits` is what was left to that run, and the most that this one may use.
    """

    run_id: UUID
    step: int
    depth: int
    agents: tuple[AgentName, ...]
    limits: RunLimits = RunLimits()


class Origin(Frozen):
    """The run that this one was forked from: its steps below `step` were taken over.

    They were paid for there, so here they cost nothing. `changed` names those among them that are
    not as they were: another input, another result of a tool.
    """

    run_id: UUID
    step: int
    changed: tuple[int, ...] = ()

    def covers(self, seq: int) -> bool:
        """Whether the step was taken over as it was."""
        return seq < self.step and seq not in self.changed


class Run(Frozen):
    """The record of a run without its steps; `history` is the session's when it began."""

    tenant_id: UUID
    id: UUID
    agent: AgentName
    version: int
    key_id: UUID
    # W3C trace id (32 hex digits) of the request that began the run.
    trace_id: str = ""
    mode: Mode = Mode.WAIT
    session_id: UUID | None = None
    metadata: Metadata = {}
    # Which arm of a weighted alias answered.
    variant: Literal["stable", "canary"] | None = None
    overrides: Overrides = Overrides()
    parent: Parent | None = None
    forked_from: Origin | None = None
    # After the guards; empty if they blocked it.
    input: str
    attachments: tuple[Attachment, ...] = ()
    history: tuple[Message, ...] = ()
    status: RunStatus = RunStatus.RUNNING
    finish_reason: FinishReason | None = None
    output: str = ""
    # The output is JSON that fits the agent's output schema.
    structured: bool = False
    fault: Fault | None = None
    usage: Usage = Usage()
    cost_micro_usd: MicroDollars = 0
    step_count: int = 0
    stages: Stages = Stages()
    spans: tuple[JsonObject, ...] = ()
    # What a human is asked, while the run waits.
    question: str | None = None
    created_at: AwareDatetime
    # When it left the queue; None while it is queued.
    begun_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    # When its texts were erased.
    erased_at: AwareDatetime | None = None

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.status.over


class RunView(Frozen):
    """A run as the API shows it: answer, cost in micro-dollars, milliseconds by stage."""

    id: UUID
    agent: AgentName
    version: int
    variant: Literal["stable", "canary"] | None
    mode: Mode
    session_id: UUID | None
    parent_run_id: UUID | None
    forked_from: Origin | None
    status: RunStatus
    finish_reason: FinishReason | None
    output: str
    # The output, read as JSON, of an agent with an output schema that it fits.
    structured: Json = None
    question: str | None
    error: Fault | None
    usage: Usage
    cost_micro_usd: MicroDollars
    # Calls of models and tools.
    step_count: int
    latency_ms: Stages
    metadata: dict[str, str]
    created_at: AwareDatetime
    begun_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    erased_at: AwareDatetime | None

    @classmethod
    def of(cls, run: Run) -> RunView:
        """Show a run."""
        return cls.model_validate(_shown(run))


class StepView(Frozen):
    """A step of a run's journal as the API shows it."""

    seq: int
    kind: Literal["model", "tool", "wait", "handoff", "guard", "finish"]
    status: StepStatus
    work: Work
    usage: Usage
    cost_micro_usd: MicroDollars
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    # It was taken over from the run that this one was forked from, which paid for it.
    recorded: bool = False

    @classmethod
    def of(cls, step: Step, run: Run) -> StepView:
        """Show a step of a run."""
        return cls(
            seq=step.seq,
            kind=step.work.kind,
            status=step.status,
            work=step.work,
            usage=step.usage,
            cost_micro_usd=step.cost_micro_usd,
            started_at=step.started_at,
            finished_at=step.finished_at,
            recorded=run.forked_from is not None and run.forked_from.covers(step.seq),
        )


class RunDetail(RunView):
    """A run with its input, its journal and its spans."""

    input: str
    attachments: tuple[AttachmentView, ...]
    trace_id: str
    steps: tuple[StepView, ...]
    spans: tuple[JsonObject, ...]

    @classmethod
    def with_steps(cls, run: Run, steps: tuple[Step, ...]) -> RunDetail:
        """Show a run and its journal."""
        return cls(
            **_shown(run),
            input=run.input,
            attachments=tuple(AttachmentView.of(each) for each in run.attachments),
            trace_id=run.trace_id,
            steps=tuple(StepView.of(step, run) for step in steps),
            spans=run.spans,
        )


def _shown(run: Run) -> JsonObject:
    return {
        "id": run.id,
        "agent": run.agent,
        "version": run.version,
        "variant": run.variant,
        "mode": run.mode,
        "session_id": run.session_id,
        "parent_run_id": None if run.parent is None else run.parent.run_id,
        "forked_from": run.forked_from,
        "status": run.status,
        "finish_reason": run.finish_reason,
        "output": run.output,
        "structured": json.loads(run.output) if _readable(run) else None,
        "question": run.question,
        "error": run.fault,
        "usage": run.usage,
        "cost_micro_usd": run.cost_micro_usd,
        "step_count": run.step_count,
        "latency_ms": run.stages,
        "metadata": run.metadata,
        "created_at": run.created_at,
        "begun_at": run.begun_at,
        "finished_at": run.finished_at,
        "erased_at": run.erased_at,
    }


def _readable(run: Run) -> bool:
    return run.structured and run.erased_at is None


class LeaseLost(RequestInFlight):
    """Another driver has taken this run over; send the request again with the same key."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked of an agent, and how the caller wants to be answered."""

    agent: str
    text: str
    mode: Mode = Mode.WAIT
    session_id: UUID | None = None
    # None: the live version.
    version: int | None = None
    metadata: Metadata = field(default_factory=dict)
    attachments: tuple[AttachmentIn, ...] = ()
    trace_id: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestKey:
    """An Idempotency-Key and what it stands for."""

    key: str
    request_hash: str


@dataclass(frozen=True, kw_only=True)
class KeyedRun:
    """The run that an Idempotency-Key made; `lease_s` is how long its driver still holds it."""

    run: Run
    request_hash: str
    lease_s: float


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right of one driver to write a run's journal, for so many seconds from each write on."""

    owner: UUID
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs a listing shows: newest first, older than the run `before`."""

    limit: int
    before: UUID | None = None
    agent: str | None = None
    status: RunStatus | None = None
