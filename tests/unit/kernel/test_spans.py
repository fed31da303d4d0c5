from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchstack.kernel import spans
from orchstack.kernel.clock import ManualClock, SystemClock
from orchstack.kernel.errors import NoProviderAvailable
from orchstack.kernel.spans import Spans


def test_spans_nest_and_are_timed() -> None:
    """A run with a model call and a tool call is three spans, the first around the others."""
    clock = ManualClock()
    run = Spans(clock)
    with run.invoke_agent("adder", 3):
        with run.chat("echo/echo-1", 100) as call:
            clock.advance(0.25)
            call.set(spans.INPUT_TOKENS, 12)
        with run.execute_tool("calculator", "call_1"):
            clock.advance(0.001)
    chat, tool, agent = run.finished
    start = clock.now().timestamp() * 1000 - 251
    assert ("invoke_agent adder", None) == (agent.name, agent.parent)
    assert ("chat echo/echo-1", agent.id) == (chat.name, chat.parent)
    assert ("execute_tool calculator", agent.id) == (tool.name, tool.parent)
    assert (start, start + 250) == (chat.start_ms, chat.end_ms)
    assert (start, start + 251) == (agent.start_ms, agent.end_ms)
    assert 12 == chat.attributes["gen_ai.usage.input_tokens"]


def test_an_error_is_named_by_its_code() -> None:
    """A span that an error passes through ends, with `error.type`."""
    run = Spans(ManualClock())
    with pytest.raises(NoProviderAvailable), run.chat("a/b"):
        raise NoProviderAvailable
    assert "no_provider_available" == run.finished[0].attributes["error.type"]


def test_work_in_threads_belongs_to_the_run() -> None:
    """Tools called side by side hang under the run's first span."""
    run = Spans(ManualClock())

    def call(name: str) -> None:
        with run.execute_tool(name, name):
            pass

    with run.invoke_agent("adder", 1) as agent, ThreadPoolExecutor(2) as pool:
        list(pool.map(call, ["a", "b"]))
    assert [agent.id, agent.id, None] == [span.parent for span in run.finished]


def test_spans_are_plain_data() -> None:
    """They go into the run's record as JSON."""
    run = Spans(ManualClock())
    with run.invoke_agent("adder", 1, conversation_id="s1"):
        pass
    (data,) = json.loads(json.dumps(run.as_data()))
    assert {"id", "parent", "name", "start_ms", "end_ms", "attributes"} == set(data)
    assert "s1" == data["attributes"]["gen_ai.conversation.id"]


def test_every_name_is_one_of_opentelemetrys() -> None:
    """No attribute and no operation is our own invention."""
    gen_ai = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    error = pytest.importorskip("opentelemetry.semconv.attributes.error_attributes")
    known = {v for m in (gen_ai, error) for v in vars(m).values() if isinstance(v, str)}
    operations = {value.value for value in gen_ai.GenAiOperationNameValues}
    own = {n: v for n, v in vars(spans).items() if n.isupper() and isinstance(v, str)}
    assert set() == {v for v in own.values() if "." in v} - known
    assert set() == {v for v in own.values() if "." not in v} - operations


def test_a_span_is_cheap() -> None:
    """A span costs some microseconds; a run has about ten."""
    run = Spans(SystemClock())
    started = time.perf_counter()
    for _ in range(200):
        with run.chat("a/b"):
            pass
    assert (time.perf_counter() - started) / 200 < 0.001
