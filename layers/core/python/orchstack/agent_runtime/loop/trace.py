"""The spans of a run, told from its journal: complete also where several drivers carried it on.

`invoke_agent` is the run, `chat` a call of a model, `execute_tool` what answered a wish of it: a
tool, another agent (whose own run has this span as its parent), a human. After a hand-off the calls
lie in a second `invoke_agent`, the other agent's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import (
    HandoffWork,
    ModelWork,
    Step,
    ToolWork,
    WaitWork,
)
from orchstack.kernel import spans
from orchstack.kernel.spans import Attribute, Kind, Span

_Told = tuple[str, Kind, Mapping[str, Attribute | None]]


def trace(run: Run, steps: Iterable[Step], end: datetime) -> tuple[Span, ...]:
    """Give the run's own span, then one for each call; what has not finished lasts until `end`."""
    done = [step for step in steps if step.finished]
    root = Span(
        id=span_id(run.id, 0),
        parent=None if run.parent is None else span_id(run.parent.run_id, run.parent.step),
        name=f"{spans.INVOKE_AGENT} {run.agent}",
        start_ms=_ms(run.created_at),
        end_ms=_ms(end),
        attributes=_known({**_agent(run, run.agent, run.version), **_whole(run)}),
    )
    return (root, *_inside(run, done, root))


def span_id(run_id: UUID, seq: int) -> str:
    """A span's id (16 hex digits), the same however often the journal is told; 0 is the run."""
    return hashlib.sha256(f"{run_id}:{seq}".encode()).hexdigest()[:16]


def _inside(run: Run, done: Sequence[Step], root: Span) -> Iterable[Span]:
    parent = root.id
    for step in done:
        told = _told(run, step)
        if told is None:
            continue
        name, kind, attributes = told
        yield _span(run, step, name=name, kind=kind, parent=parent, attributes=attributes)
        if isinstance(step.work, HandoffWork) and step.work.refusal is None:
            other = _taken_over(run, step, step.work, root)
            parent = other.id
            yield other


def _taken_over(run: Run, step: Step, work: HandoffWork, root: Span) -> Span:
    """The span of the agent that a hand-off gave the run to, from then to the run's end."""
    return Span(
        # No step has a negative number.
        id=span_id(run.id, -step.seq),
        parent=root.id,
        name=f"{spans.INVOKE_AGENT} {work.agent}",
        start_ms=_ms(step.finished_at or step.started_at),
        end_ms=root.end_ms,
        attributes=_known(_agent(run, work.agent, work.version)),
    )


def _told(run: Run, step: Step) -> _Told | None:
    match step.work:
        case ModelWork() as work:
            return f"{spans.CHAT} {work.model}", "client", _chat(run, step, work)
        case ToolWork() as work:
            error = "tool_error" if work.is_error else None
            return _tool(work, error)
        case WaitWork() as work:
            return _tool(work, "timeout" if work.expired else None)
        case HandoffWork() as work:
            return _tool(work, None if work.refusal is None else "refused")
        case _:
            return None


def _span(
    run: Run,
    step: Step,
    *,
    name: str,
    kind: Kind,
    parent: str,
    attributes: Mapping[str, Attribute | None],
) -> Span:
    return Span(
        id=span_id(run.id, step.seq),
        parent=parent,
        name=name,
        kind=kind,
        start_ms=_ms(step.started_at),
        end_ms=_ms(step.finished_at or step.started_at),
        attributes=_known(attributes),
    )


def _agent(run: Run, agent: str, version: int | None) -> dict[str, Attribute | None]:
    return {
        spans.OPERATION: spans.INVOKE_AGENT,
        spans.AGENT_NAME: agent,
        spans.AGENT_VERSION: None if version is None else str(version),
        spans.CONVERSATION_ID: None if run.session_id is None else str(run.session_id),
    }


def _whole(run: Run) -> dict[str, Attribute | None]:
    return {
        spans.INPUT_TOKENS: run.usage.input_tokens,
        spans.OUTPUT_TOKENS: run.usage.output_tokens,
        spans.FINISH_REASONS: None if run.finish_reason is None else (run.finish_reason.value,),
        spans.ERROR_TYPE: None if run.fault is None else run.fault.code,
    }


def _chat(run: Run, step: Step, work: ModelWork) -> dict[str, Attribute | None]:
    return {
        spans.OPERATION: spans.CHAT,
        # The convention demands one; a call that reached nobody has none.
        spans.PROVIDER: work.provider or "_OTHER",
        spans.REQUEST_MODEL: work.model,
        spans.REQUEST_STREAM: True,
        spans.RESPONSE_MODEL: work.served_by,
        spans.FINISH_REASONS: None if work.finish_reason is None else (work.finish_reason,),
        spans.INPUT_TOKENS: step.usage.input_tokens,
        spans.OUTPUT_TOKENS: step.usage.output_tokens,
        spans.CONVERSATION_ID: None if run.session_id is None else str(run.session_id),
        spans.ERROR_TYPE: None if work.fault is None else work.fault.code,
    }


def _tool(work: ToolWork | WaitWork | HandoffWork, error: str | None) -> _Told:
    attributes: dict[str, Attribute | None] = {
        spans.OPERATION: spans.EXECUTE_TOOL,
        spans.TOOL_NAME: work.call.name,
        spans.TOOL_CALL_ID: work.call.id,
        # Of the convention's kinds: it runs where the agent runs, not at the model's.
        spans.TOOL_TYPE: "function",
        spans.ERROR_TYPE: error,
    }
    return f"{spans.EXECUTE_TOOL} {work.call.name}", "internal", attributes


def _known(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    return {name: value for name, value in attributes.items() if value is not None}


def _ms(at: datetime) -> float:
    return round(at.timestamp() * 1000, 3)
