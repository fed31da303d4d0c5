"""A run's journal as an OpenTelemetry trace."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import pytest

from orchstack.agent_runtime.loop.otlp import traces
from orchstack.agent_runtime.loop.trace import span_id, trace
from orchstack.agent_runtime.model.runs import Parent, Run
from orchstack.agent_runtime.model.steps import Fault, RunStatus
from orchstack.agent_runtime.service.tracing import RunTraces
from orchstack.kernel import spans
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import NotFound
from orchstack.kernel.ids import new_id
from orchstack.kernel.spans import Span
from tests.make import NOW
from tests.unit.agent_runtime.journals import (
    JournalOf,
    a_run,
    asked_a_human,
    handed_over,
    journaled,
    model,
    steps_of,
    tool,
)


def told(*works: Any, **changes: Any) -> tuple[Span, ...]:
    """The spans of a run of these works."""
    run = a_run(**changes)
    return trace(run, steps_of(*works), NOW + timedelta(seconds=1))


def test_calls_lie_inside_the_run() -> None:
    """`invoke_agent` is ours, `chat` a call of another system, `execute_tool` ours again."""
    root, chat, execution, wait = told(model(), tool(), asked_a_human())

    assert ["invoke_agent adder", "chat default", "execute_tool calculator"] == [
        span.name for span in (root, chat, execution)
    ]
    assert "execute_tool ask_human" == wait.name
    assert ["internal", "client", "internal"] == [s.kind for s in (root, chat, execution)]
    assert (None, {root.id}) == (root.parent, {s.parent for s in (chat, execution, wait)})


def test_a_call_of_a_model_says_whom_it_asked() -> None:
    """Asked for one model, answered by another; tokens and why it ended."""
    chat = told(model(), session_id=new_id())[1].attributes

    assert ("openai", "default", "gpt-5", ("stop",), 20, 3) == tuple(
        chat[name]
        for name in (
            spans.PROVIDER,
            spans.REQUEST_MODEL,
            spans.RESPONSE_MODEL,
            spans.FINISH_REASONS,
            spans.INPUT_TOKENS,
            spans.OUTPUT_TOKENS,
        )
    )
    assert spans.CONVERSATION_ID in chat


def test_a_child_run_hangs_below_the_call_that_asked_for_it() -> None:
    """In the trace of its parent, whose span has this very id."""
    parent = a_run()
    below = Parent(run_id=parent.id, step=3, depth=1, agents=("adder",))
    (child, *_) = told(agent="expert", parent=below)
    above = trace(parent, steps_of(model(), tool()), NOW)

    assert span_id(parent.id, 3) == child.parent == above[2].id


def test_after_a_hand_off_the_calls_are_the_other_agents() -> None:
    """They lie in a span of its own, up to the run's end."""
    root, _, execution, other, chat = told(model(), handed_over(), model())

    assert ("execute_tool hand_off_to_expert", root.id) == (execution.name, execution.parent)
    assert ("invoke_agent expert", root.id, root.end_ms) == (other.name, other.parent, other.end_ms)
    assert other.id == chat.parent


def test_a_refused_hand_off_changes_nothing() -> None:
    """It is a call that failed."""
    root, execution, chat = told(handed_over(refusal="too deep"), model())

    assert "refused" == execution.attributes[spans.ERROR_TYPE]
    assert root.id == chat.parent


@pytest.mark.parametrize("work", [model(fault=Fault(code="x", detail="")), tool(failed=True)])
def test_what_failed_is_an_error(work: Any) -> None:
    """With its kind, and the status that collectors look for."""
    run = a_run()
    (group,) = traces([(run, trace(run, steps_of(work), NOW))]).resource_spans
    root, call = group.scope_spans[0].spans

    assert (0, 2) == (root.status.code, call.status.code)


def test_an_official_reader_understands_the_message() -> None:
    """OpenTelemetry's own decoder reads ids, times, kinds and every kind of value."""
    service = importlib.import_module("opentelemetry.proto_json.collector.trace.v1.trace_service")
    run = a_run(fault=Fault(code="unavailable", detail="…"))
    written = traces([(run, trace(run, steps_of(model()), NOW + timedelta(seconds=1)))])
    read = service.ExportTraceServiceRequest.from_json(written.model_dump_json(by_alias=True))
    (group,) = read.resource_spans
    root, chat = group.scope_spans[0].spans

    assert bytes.fromhex(run.trace_id) == root.trace_id == chat.trace_id
    assert (b"", root.span_id) == (root.parent_span_id or b"", chat.parent_span_id)
    assert (int(NOW.timestamp()) * 10**9, 10**9) == (
        root.start_time_unix_nano,
        root.end_time_unix_nano - root.start_time_unix_nano,
    )
    values = {a.key: a.value for a in chat.attributes}
    assert 20 == values[spans.INPUT_TOKENS].int_value
    assert "stop" == values[spans.FINISH_REASONS].array_value.values[0].string_value
    assert values[spans.REQUEST_STREAM].bool_value


def test_every_run_has_a_trace() -> None:
    """One that was begun without a trace id gets one, always the same."""
    run = a_run(trace_id="")
    ids = {
        traces([(run, trace(run, (), NOW))]).resource_spans[0].scope_spans[0].spans[0].trace_id
        for _ in range(2)
    }

    assert [32] == [len(id_) for id_ in ids]


class Journals(JournalOf):
    """Several runs of one tenant."""

    def __init__(self, *journals: JournalOf) -> None:
        """Take them."""
        self._of = {journal.known.id: journal for journal in journals}

    def run(self, tenant_id: Any, run_id: Any) -> Run:
        """Give a run. Raises NotFound."""
        del tenant_id
        if run_id not in self._of:
            raise NotFound
        return self._of[run_id].known

    def steps(self, tenant_id: Any, run_id: Any) -> Any:
        """Give its steps."""
        del tenant_id
        return self._of[run_id].written


def test_a_trace_reaches_down_to_the_runs_below() -> None:
    """What is under way lasts until now."""
    child = journaled(model(), status=RunStatus.RUNNING, finish_reason=None, finished_at=None)
    above = journaled(tool(child_run_id=child.known.id), tenant_id=child.known.tenant_id)
    clock = ManualClock(NOW + timedelta(seconds=9))
    tracing = RunTraces(runs=Journals(above, child), clock=clock)
    found = tracing.tree(above.known.tenant_id, above.known.id)
    told = found.resource_spans[0].scope_spans[0].spans

    assert 4 == len(told)
    assert int(clock.now().timestamp()) * 10**9 == int(told[2].end_time_unix_nano)
