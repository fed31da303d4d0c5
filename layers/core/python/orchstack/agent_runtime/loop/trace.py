"""The spans of a run, told from its journal: complete also where several drivers carried it on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import ModelWork, Step, ToolWork
from orchstack.kernel import spans
from orchstack.kernel.spans import Attribute, Span


def trace(run: Run, steps: Iterable[Step], end: datetime) -> tuple[Span, ...]:
    """Give the run's own span, then one for each call of a model or a tool."""
    root = _id(run.id, 0)
    whole = Span(
        id=root,
        parent=None,
        name=f"{spans.INVOKE_AGENT} {run.agent}",
        start_ms=_ms(run.created_at),
        end_ms=_ms(end),
        attributes=_known(
            {
                spans.OPERATION: spans.INVOKE_AGENT,
                spans.AGENT_NAME: run.agent,
                spans.AGENT_VERSION: str(run.version),
                spans.CONVERSATION_ID: None if run.session_id is None else str(run.session_id),
                spans.ERROR_TYPE: None if run.fault is None else run.fault.code,
            }
        ),
    )
    calls = (_call(run, step, root) for step in steps if step.finished)
    return (whole, *(call for call in calls if call is not None))


def _call(run: Run, step: Step, parent: str) -> Span | None:
    match step.work:
        case ModelWork() as work:
            name, attributes = f"{spans.CHAT} {work.model}", _chat(step, work)
        case ToolWork() as work:
            name, attributes = f"{spans.EXECUTE_TOOL} {work.call.name}", _execution(work)
        case _:
            return None
    return Span(
        id=_id(run.id, step.seq),
        parent=parent,
        name=name,
        start_ms=_ms(step.started_at),
        end_ms=_ms(step.finished_at or step.started_at),
        attributes=_known(attributes),
    )


def _chat(step: Step, work: ModelWork) -> dict[str, Attribute | None]:
    return {
        spans.OPERATION: spans.CHAT,
        spans.PROVIDER: work.provider,
        spans.REQUEST_MODEL: work.model,
        spans.RESPONSE_MODEL: work.served_by,
        spans.FINISH_REASONS: None if work.finish_reason is None else (work.finish_reason,),
        spans.INPUT_TOKENS: step.usage.input_tokens,
        spans.OUTPUT_TOKENS: step.usage.output_tokens,
        spans.ERROR_TYPE: None if work.fault is None else work.fault.code,
    }


def _execution(work: ToolWork) -> dict[str, Attribute | None]:
    return {
        spans.OPERATION: spans.EXECUTE_TOOL,
        spans.TOOL_NAME: work.call.name,
        spans.TOOL_CALL_ID: work.call.id,
        spans.TOOL_TYPE: "function",
        spans.ERROR_TYPE: "tool_error" if work.is_error else None,
    }


def _known(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    return {name: value for name, value in attributes.items() if value is not None}


def _id(run_id: UUID, seq: int) -> str:
    """A span's id (16 hex digits), the same however often the journal is told."""
    return hashlib.sha256(f"{run_id}:{seq}".encode()).hexdigest()[:16]


def _ms(at: datetime) -> float:
    return round(at.timestamp() * 1000, 3)
