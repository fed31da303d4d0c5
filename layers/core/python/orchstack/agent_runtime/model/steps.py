"""The journal of a run: a step for each decision of a guard, each call, each wait, and the end.

A step that reaches outside is written twice: as `started` before the call, so that after a crash
the same idempotency key is used again, and as `finished` with what came back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.agent_runtime.model.contexts import ContextManifest
from orchstack.kernel.agents import AgentName
from orchstack.kernel.chat import MicroDollars, ToolCall, Usage
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import JsonObject


class RunStatus(StrEnum):
    """Where a run stands; the last three are ends."""

    # Accepted and not begun: it runs in the background, or waits for its turn in its session.
    QUEUED = "queued"
    RUNNING = "running"
    # A human is asked; no driver holds the run meanwhile.
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether a run that stands here has ended."""
        return self in {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}


class FinishReason(StrEnum):
    """Why a run ended; all but the first leave a partial answer."""

    ANSWERED = "answered"
    OUTPUT_LENGTH = "output_length"
    CONTENT_FILTER = "content_filter"
    MAX_STEPS = "max_steps"
    MAX_TOKENS = "max_tokens"
    BUDGET_EXCEEDED = "budget_exceeded"
    MAX_SECONDS = "max_seconds"
    CANCELLED = "cancelled"
    # The answer never fitted the agent's output schema.
    INVALID_OUTPUT = "invalid_output"
    ERROR = "error"


class Fault(Frozen):
    """Why something failed: the code of the error tree and a sentence for the caller."""

    code: str
    detail: str


class StepStatus(StrEnum):
    """Whether a step's work is still to be done (or done and not yet written down) or over."""

    STARTED = "started"
    FINISHED = "finished"


class ModelWork(Frozen):
    """A call of a model; the fields from `text` on are known when it has finished."""

    kind: Literal["model"] = "model"
    # As the agent's document names it.
    model: str
    # The last call the limits allow: the model is told to answer with what it has.
    last: bool = False
    # The answer before did not fit the agent's output schema: the model is told what was wrong.
    repair: bool = False
    worst_cost: MicroDollars = 0
    # From 1; a call that is asked again, because its driver died, is the next attempt.
    attempt: int = 1
    # The most that the attempts before can have cost: their answers, and so their bills, are lost.
    lost_micro_usd: MicroDollars = 0
    context: ContextManifest | None = None
    # What went out to the caller, after the guards.
    text: str = ""
    # The lengths of the pieces in which `text` went out: a replay repeats them exactly.
    pieces: tuple[int, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    provider: str | None = None
    served_by: str | None = None
    finish_reason: Literal["stop", "tool_calls", "length", "content_filter"] | None = None
    fault: Fault | None = None


class ToolWork(Frozen):
    """A call of a tool: the wish at `position` of the model step `wished_by`."""

    kind: Literal["tool"] = "tool"
    call: ToolCall
    wished_by: int
    position: int
    # The arguments as the caller is shown them, where the output guard redacted any.
    shown: JsonObject | None = None
    content: str = ""
    is_error: bool = False
    # False: it was never called: the agent's document does not name it, or a guard said no.
    permitted: bool = True
    # The run of the agent that served as the tool.
    child_run_id: UUID | None = None


class WaitWork(Frozen):
    """A question to a human, the wish at `position` of the step `wished_by`, and the answer."""

    kind: Literal["wait"] = "wait"
    call: ToolCall
    wished_by: int
    position: int
    question: str
    # Nobody need answer any more after this time; the model is told so.
    expires_at: AwareDatetime
    answer: str = ""
    answered_by: str | None = None
    # Nobody answered in time.
    expired: bool = False


class HandoffWork(Frozen):
    """The run goes on under another agent's document, unless it was refused."""

    kind: Literal["handoff"] = "handoff"
    call: ToolCall
    wished_by: int
    position: int
    agent: AgentName
    version: int | None = None
    reason: str = ""
    # Why it was refused: too deep, a cycle, no such agent. Told to the model.
    refusal: str | None = None


class GuardStage(StrEnum):
    """Which text a guard looked at."""

    INPUT = "input"
    TOOL = "tool"
    OUTPUT = "output"
    # Whether the answer fits the agent's output schema.
    SCHEMA = "schema"


class GuardOutcome(StrEnum):
    """What a guard decided."""

    ALLOWED = "allowed"
    REDACTED = "redacted"
    BLOCKED = "blocked"


class GuardWork(Frozen):
    """A guard's decision; `findings` counts by kind, `concerns` is the step whose text it was."""

    kind: Literal["guard"] = "guard"
    stage: GuardStage
    outcome: GuardOutcome
    findings: dict[str, int] = {}
    concerns: int | None = None
    detail: str = ""


class FinishWork(Frozen):
    """The end of a run; `composed` output was put together by the loop and no model said it."""

    kind: Literal["finish"] = "finish"
    reason: FinishReason
    output: str = ""
    composed: bool = False
    # The output is JSON that fits the agent's output schema.
    structured: bool = False
    fault: Fault | None = None
    # The worst cost of the call that the budget did not cover.
    refused_micro_usd: MicroDollars | None = None
    # The fault met a call of the model before it was made: it could not be packed, or priced.
    unasked: bool = False

    @property
    def status(self) -> RunStatus:
        """The status the run ends in."""
        if self.reason is FinishReason.CANCELLED:
            return RunStatus.CANCELLED
        return RunStatus.COMPLETED if self.fault is None else RunStatus.FAILED


# What answers a wish of a model.
Service = ToolWork | WaitWork | HandoffWork
Work = Annotated[
    ModelWork | ToolWork | WaitWork | HandoffWork | GuardWork | FinishWork,
    Field(discriminator="kind"),
]


class Step(Frozen):
    """One line of the journal; `seq` counts from 1 without gaps."""

    seq: int
    status: StepStatus = StepStatus.FINISHED
    work: Work
    # Names the outside effect of the step: the same key, the same effect.
    idempotency_key: str | None = None
    usage: Usage = Usage()
    cost_micro_usd: MicroDollars = 0
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None

    @property
    def finished(self) -> bool:
        """Whether the work is over and written down."""
        return self.status is StepStatus.FINISHED
