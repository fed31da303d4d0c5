"""From a command to the steps that are written down before it is carried out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.loop.decision import (
    AskHuman,
    CallModel,
    CallTools,
    Command,
    Fail,
    Finish,
    HandOff,
    work_of,
)
from orchstack.agent_runtime.loop.rules import question_of
from orchstack.agent_runtime.loop.state import PlannedCall, RunState
from orchstack.agent_runtime.model.contexts import ContextManifest
from orchstack.agent_runtime.model.steps import (
    Fault,
    HandoffWork,
    ModelWork,
    Step,
    StepStatus,
    ToolWork,
    WaitWork,
    Work,
)
from orchstack.kernel.agents import RunLimits
from orchstack.kernel.chat import MicroDollars
from orchstack.kernel.plain import JsonObject

CANCELLED: Final = Fault(code="cancelled", detail="The run was cancelled before this was over.")


def asking(
    command: CallModel,
    *,
    model: str,
    worst_cost: MicroDollars,
    context: ContextManifest | None = None,
) -> ModelWork:
    """Write down that a model will be called, what it is shown, and what the budget covers."""
    return ModelWork(
        model=model,
        last=command.last,
        repair=command.repair,
        worst_cost=worst_cost,
        context=context,
    )


@dataclass(frozen=True)
class Screened:
    """What the guards say of a call's arguments: how they may be shown, and whether not to call."""

    shown: JsonObject | None = None
    refusal: str | None = None


def serving(
    command: CallTools,
    *,
    permitted: Collection[str],
    screened: Mapping[int, Screened] = MappingProxyType({}),
) -> tuple[ToolWork, ...]:
    """Write down which tools will be called, and of those that will not what the model is told.

    `screened` is what the guards say, by the position of the wish.
    """
    return tuple(
        _served(command, planned, permitted, screened.get(planned.position, Screened()))
        for planned in command.calls
    )


def _served(
    command: CallTools, planned: PlannedCall, permitted: Collection[str], screened: Screened
) -> ToolWork:
    refused = screened.refusal
    if planned.call.name not in permitted:
        named = ", ".join(permitted) or "none"
        refused = f"This agent may not call {planned.call.name}; it may call: {named}."
    if command.handed_over:
        refused = "This was not called: the conversation was handed to another agent before."
    return ToolWork(
        call=planned.call,
        wished_by=command.wished_by,
        position=planned.position,
        shown=screened.shown,
        content=refused or "",
        is_error=refused is not None,
        permitted=refused is None,
    )


def waiting(command: AskHuman, *, limits: RunLimits, now: datetime) -> WaitWork:
    """Write down what a human is asked, and until when."""
    return WaitWork(
        call=command.planned.call,
        wished_by=command.wished_by,
        position=command.planned.position,
        question=question_of(command.planned.call),
        expires_at=now + timedelta(seconds=limits.max_wait_seconds),
    )


def handing_off(command: HandOff, *, version: int | None, refusal: str | None) -> HandoffWork:
    """Write down that another agent takes over, or why it does not."""
    reason = command.planned.call.arguments.get("reason")
    return HandoffWork(
        call=command.planned.call,
        wished_by=command.wished_by,
        position=command.planned.position,
        agent=command.agent,
        version=version,
        reason=reason if isinstance(reason, str) else "",
        refusal=refusal,
    )


def ending(command: Command) -> tuple[Work, ...]:
    """Write down the end of a run; nothing for a command that goes on."""
    return (work_of(command),) if isinstance(command, Finish | Fail) else ()


def again(step: Step) -> Step:
    """Write down that a call of a model has to be made again: its answer and its bill are lost."""
    work = step.work
    if not isinstance(work, ModelWork):
        return step
    lost = {"lost_micro_usd": work.lost_micro_usd + work.worst_cost, "text": "", "pieces": ()}
    anew = work.model_copy(update={**lost, "attempt": work.attempt + 1})
    return step.model_copy(update={"work": anew})


def abandoned(steps: Collection[Step], now: datetime, why: Fault = CANCELLED) -> tuple[Step, ...]:
    """End steps that nobody waits for any more, because the run is cancelled or given up."""
    return tuple(
        step.model_copy(
            update={
                "status": StepStatus.FINISHED,
                "finished_at": now,
                "work": _abandoned(step.work, why),
            }
        )
        for step in steps
    )


def _abandoned(work: Work, why: Fault) -> Work:
    match work:
        case ModelWork():
            return work.model_copy(update={"fault": why})
        case ToolWork():
            return work.model_copy(update={"content": why.detail, "is_error": True})
        case WaitWork():
            return work.model_copy(update={"expired": True})
        case _:
            return work


def started(
    works: Collection[Work], *, state: RunState, run_id: UUID, now: datetime
) -> tuple[Step, ...]:
    """Number works that are about to begin; each gets the key that names its outside effect."""
    return tuple(
        Step(
            seq=seq,
            status=StepStatus.STARTED,
            work=work,
            idempotency_key=f"{run_id}:{seq}",
            started_at=now,
        )
        for seq, work in enumerate(works, start=state.next_seq)
    )


def finished(
    works: Collection[Work], *, state: RunState, since: datetime, now: datetime
) -> tuple[Step, ...]:
    """Number works that are over as they are written down: decisions of guards, and the end."""
    return tuple(
        Step(seq=seq, work=work, started_at=since, finished_at=now)
        for seq, work in enumerate(works, start=state.next_seq)
    )
