"""From a command to the steps that are written down before it is carried out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from orchstack.agent_runtime.loop.decision import CallModel, CallTools, Command, work_of
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.steps import ModelWork, Step, StepStatus, ToolWork, Work
from orchstack.kernel.chat import MicroDollars


def asking(command: CallModel, *, model: str, worst_cost: MicroDollars) -> ModelWork:
    """Write down that a model will be called, and what the budget was checked against."""
    return ModelWork(model=model, last=command.last, worst_cost=worst_cost)


def serving(command: CallTools, *, permitted: Collection[str]) -> tuple[ToolWork, ...]:
    """Write down which tools will be called; a tool the agent does not name is not permitted."""
    return tuple(
        ToolWork(
            call=planned.call,
            wished_by=command.wished_by,
            position=planned.position,
            permitted=planned.call.name in permitted,
        )
        for planned in command.calls
    )


def ending(command: Command) -> tuple[Work, ...]:
    """Write down the end of a run; nothing for a command that goes on."""
    return () if isinstance(command, CallModel | CallTools) else (work_of(command),)


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
