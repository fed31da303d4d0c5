"""start_run, as API Gateway calls it."""

from __future__ import annotations

import pytest

from orchstack.kernel.tenancy import Principal
from tests.functions.agent_runtime.conftest import QUESTION, Ask


def test_a_waiting_caller_gets_the_whole_run(ask: Ask) -> None:
    """One piece of JSON, with answer, cost and latency."""
    reply = ask({"input": QUESTION})

    assert (200, "application/json") == (reply.status, reply.headers["Content-Type"])
    assert ("completed", 3) == (reply.body["status"], reply.body["step_count"])
    assert "391" in reply.body["output"]
    assert reply.body["id"] == reply.headers["OrchStack-Run-Id"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"input": QUESTION, "mode": "stream"}, {}),
        ({"input": QUESTION}, {"Accept": "text/event-stream"}),
    ],
)
def test_a_streaming_caller_gets_events(
    ask: Ask, body: dict[str, str], headers: dict[str, str]
) -> None:
    """Asked for in the body or by the Accept header; each has its place."""
    reply = ask(body, **headers)

    assert (200, "text/event-stream") == (reply.status, reply.headers["Content-Type"])
    assert ["0.1.0", "1.1.0", "2.1.0"] == [e["id"] for e in reply.events[:3]]
    assert "run.started" == reply.events[0]["event"]
    assert "run.completed" == reply.events[-1]["event"]


def test_the_same_key_gives_the_same_answer(ask: Ask) -> None:
    """Whole or streamed, the run is made once; another body is refused."""
    first = ask({"input": QUESTION}, Idempotency_Key="k1")
    again = ask({"input": QUESTION}, Idempotency_Key="k1")
    streamed = ask({"input": QUESTION}, Idempotency_Key="k1", Accept="text/event-stream")
    other = ask({"input": "Hi"}, Idempotency_Key="k1")

    assert first.body == again.body
    assert "true" == again.headers["Idempotency-Replayed"]
    assert first.body["id"] in streamed.events[-1]["data"]
    assert (422, "idempotency_key_reused") == (other.status, other.body["code"])


@pytest.mark.parametrize(
    ("body", "agent", "status", "code"),
    [
        ({"input": "hi"}, "nobody", 404, "not_found"),
        ({"input": "hi", "version": 9}, "adder", 404, "not_found"),
        ({"input": "x" * 40_000}, "adder", 413, "payload_too_large"),
        ({"input": ""}, "adder", 400, "invalid_request"),
        ({"input": "a\x00b"}, "adder", 400, "invalid_request"),
        ({"input": "hi", "surprise": 1}, "adder", 400, "invalid_request"),
        ({"input": "hi", "metadata": {"": "x"}}, "adder", 400, "invalid_request"),
        ({"input": "hi", "session_id": "mine"}, "adder", 400, "invalid_request"),
        ("{", "adder", 400, "invalid_request"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_refused_request_leaves_no_run(
    ask: Ask, get: Ask, body: object, agent: str, status: int, code: str
) -> None:
    """It is a problem document before there is a stream, and nothing of it remains."""
    reply = ask(body, agent=agent)

    assert (status, code) == (reply.status, reply.body["code"])
    assert [] == get("list_runs").body["items"]


def test_a_session_goes_on(ask: Ask) -> None:
    """The second run is shown what was said in the first."""
    session = "0198c5a0-0000-7000-8000-00000000000a"
    first = ask({"input": "Hello", "session_id": session}).body
    second = ask({"input": "Hello", "session_id": session}).body

    assert session == first["session_id"] == second["session_id"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def test_personal_data_goes_nowhere(ask: Ask, get: Ask, caller: Principal) -> None:
    """Redacted in what is kept and in what the model repeats."""
    reply = ask({"input": "I am jane.doe@example.com"})
    detail = get("get_run", run_id=reply.body["id"])

    assert "jane.doe" not in reply.text + detail.text
    assert "[EMAIL]" in detail.body["input"]
    assert str(caller.tenant_id) not in detail.text
