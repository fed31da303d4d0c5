"""What a write of the journal owes: an audit entry for each deed, an event for start and end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from pydantic import BaseModel

from orchstack.agent_runtime.model.events import (
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunStarted,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import (
    Fault,
    FinishWork,
    GuardOutcome,
    GuardWork,
    HandoffWork,
    ModelWork,
    RunStatus,
    Step,
    ToolWork,
    WaitWork,
)
from orchstack.kernel.events import Announcement, AuditEntry, Event, event_of
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal

_SERVICE = "agent_runtime"
_Outcome = Literal["allowed", "denied", "succeeded", "failed"]
_Deed = tuple[str, _Outcome, JsonObject]


def of_start(run: Run, steps: Sequence[Step], now: datetime) -> Announcement:
    """Announce a new run with its first steps."""
    data = RunStarted(
        run_id=run.id,
        agent=run.agent,
        version=run.version,
        session_id=run.session_id,
        started_at=run.created_at,
    )
    started = _event(run, data, now)
    asked = AuditEntry(
        id=new_id(),
        tenant_id=run.tenant_id,
        at=now,
        actor=f"key:{run.key_id}",
        action="run.start",
        subject=_subject(run),
        outcome="allowed",
        facts={"agent": run.agent, "version": run.version, "input_sha256": _digest(run.input)},
    )
    rest = of_steps(run, steps, now)
    return Announcement(events=(started, *rest.events), audit=(asked, *rest.audit))


def of_cancel(principal: Principal, run_id: UUID, now: datetime) -> Announcement:
    """Announce that somebody asks for a run to be cancelled; its end is announced by its driver."""
    asked = AuditEntry(
        id=new_id(),
        tenant_id=principal.tenant_id,
        at=now,
        actor=f"key:{principal.key_id}",
        action="run.cancel",
        subject=f"runs/{run_id}",
        outcome="allowed",
        facts={},
    )
    return Announcement(audit=(asked,))


def of_steps(run: Run, steps: Sequence[Step], now: datetime) -> Announcement:
    """Announce the steps that have finished, and the end of the run if it is among them."""
    done = [step for step in steps if step.finished]
    ended = any(isinstance(step.work, FinishWork) for step in done)
    return Announcement(
        events=(_ended(run, now),) if ended else (),
        audit=tuple(_entry(run, step, now) for step in done),
    )


def _ended(run: Run, now: datetime) -> Event:
    facts = {
        "run_id": run.id,
        "agent": run.agent,
        "version": run.version,
        "session_id": run.session_id,
        "finish_reason": run.finish_reason,
        "usage": run.usage,
        "cost_micro_usd": run.cost_micro_usd,
        "step_count": run.step_count,
        "latency_ms": run.stages,
        "started_at": run.created_at,
        "finished_at": run.finished_at,
    }
    if run.status is RunStatus.CANCELLED:
        return _event(run, RunCancelled.model_validate(facts), now)
    if run.fault is None:
        return _event(run, RunCompleted.model_validate(facts), now)
    return _event(run, RunFailed.model_validate({**facts, "error": run.fault}), now)


def _event(run: Run, data: BaseModel, now: datetime) -> Event:
    return event_of(_SERVICE, data, tenant_id=run.tenant_id, subject=_subject(run), at=now)


def _entry(run: Run, step: Step, now: datetime) -> AuditEntry:
    action, outcome, facts = _deed(step)
    return AuditEntry(
        id=new_id(),
        tenant_id=run.tenant_id,
        at=now,
        actor=f"run:{run.id}",
        action=action,
        subject=f"{_subject(run)}/steps/{step.seq}",
        outcome=outcome,
        facts=facts,
    )


def _deed(step: Step) -> _Deed:
    match step.work:
        case ModelWork() as work:
            return "model.call", _success(work.fault is None), _model_facts(step, work)
        case ToolWork() as work:
            return "tool.call", _tool_outcome(work), _tool_facts(step, work)
        case WaitWork() as work:
            return "human.ask", _success(not work.expired), _wait_facts(work)
        case HandoffWork() as work:
            facts = {"agent": work.agent, "version": work.version, "refusal": work.refusal}
            return "agent.hand_off", "allowed" if work.refusal is None else "denied", facts
        case GuardWork() as work:
            outcome: _Outcome = "denied" if work.outcome is GuardOutcome.BLOCKED else "allowed"
            return "guard.decide", outcome, work.model_dump(mode="json", exclude={"kind", "detail"})
        case FinishWork() as work:
            facts = {"reason": work.reason.value, "output_sha256": _digest(work.output)}
            return "run.finish", _success(work.fault is None), facts | _code(work.fault)
        case _:
            assert_never(step.work)


def _model_facts(step: Step, work: ModelWork) -> JsonObject:
    return {
        "asked": work.model,
        "provider": work.provider,
        "model": work.served_by,
        "finish_reason": work.finish_reason,
        "usage": step.usage.model_dump(),
        "cost_micro_usd": step.cost_micro_usd,
        "attempt": work.attempt,
        "text_sha256": _digest(work.text),
        "tool_calls": len(work.tool_calls),
    } | _code(work.fault)


def _tool_facts(step: Step, work: ToolWork) -> JsonObject:
    return {
        "name": work.call.name,
        "idempotency_key": step.idempotency_key,
        "call_sha256": _digest(work.call.model_dump_json()),
        "content_sha256": _digest(work.content),
    }


def _wait_facts(work: WaitWork) -> JsonObject:
    return {
        "question_sha256": _digest(work.question),
        "answer_sha256": _digest(work.answer),
        "answered_by": work.answered_by,
        "expired": work.expired,
    }


def _tool_outcome(work: ToolWork) -> _Outcome:
    return _success(not work.is_error) if work.permitted else "denied"


def _success(succeeded: bool) -> _Outcome:
    return "succeeded" if succeeded else "failed"


def _code(fault: Fault | None) -> dict[str, str]:
    return {} if fault is None else {"error": fault.code}


def _subject(run: Run) -> str:
    return f"runs/{run.id}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
