"""Asking an agent through the client: whole answers, streams, broken streams."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from orchstack.sdk import (
    ConnectionFailed,
    HttpRequest,
    HttpResponse,
    MockTransport,
    OrchStack,
    Retries,
    RunEvent,
    StreamBroken,
)

EVENTS = [
    RunEvent("0.1.0", "run.started", {"run_id": "r1"}),
    RunEvent("1.1.9", "text.delta", {"text": "391"}),
    RunEvent("1.1.10", "run.completed", {"output": "391"}),
]
RUN = {
    "id": "r1",
    "agent": "adder",
    "version": 1,
    "session_id": None,
    "status": "failed",
    "finish_reason": "error",
    "output": "",
    "error": {"code": "no_provider_available", "detail": "Try again."},
    "usage": {"input_tokens": 3, "output_tokens": 0},
    "cost_micro_usd": 12,
    "step_count": 1,
    "latency_ms": {"total": 4.5},
    "metadata": {},
    "created_at": "2026-01-01T00:00:00.000Z",
    "finished_at": "2026-01-01T00:00:01.000Z",
}


def client_of(*answers: HttpResponse) -> tuple[OrchStack, MockTransport]:
    """A client whose server gives these answers."""
    left = list(answers)
    transport = MockTransport(lambda _: left.pop(0))
    retries = Retries(attempts=3, sleep=lambda _: None)
    return OrchStack("http://cloud.test", "k", transport=transport, retries=retries), transport


def streamed(*events: RunEvent, cut: bool = False) -> HttpResponse:
    """A stream of events, which breaks off if it is cut."""

    def chunks() -> Iterator[bytes]:
        for e in events:
            yield f"id: {e.id}\nevent: {e.name}\ndata: {json.dumps(e.data)}\n\n".encode()
        if cut:
            raise ConnectionFailed("cut")

    return HttpResponse(200, {"Content-Type": "text/event-stream"}, chunks())


def body_of(request: HttpRequest) -> dict[str, object]:
    """What was sent."""
    sent: dict[str, object] = json.loads(request.body or b"")
    return sent


def test_a_run_that_failed_is_an_answer() -> None:
    """`start` gives the run whatever became of it; what was not given is not sent."""
    client, transport = client_of(HttpResponse(200, {}, [json.dumps(RUN).encode()]))
    run = client.runs.start("adder", "17 * 23?")

    assert {"input": "17 * 23?", "mode": "wait"} == body_of(transport.requests[0])
    assert ("failed", 3, 12) == (run.status, run.usage.input_tokens, run.cost_micro_usd)
    assert run.error is not None
    assert "no_provider_available" == run.error.code


def test_a_stream_gives_the_runs_events() -> None:
    """Events come with their place, name and data, up to the run's end."""
    client, transport = client_of(streamed(*EVENTS))

    assert EVENTS == list(client.runs.stream("adder", "17 * 23?", session_id="s1"))
    assert "text/event-stream" == transport.requests[0].headers["Accept"]
    assert {"input": "17 * 23?", "mode": "stream", "session_id": "s1"} == (
        body_of(transport.requests[0])
    )


@pytest.mark.parametrize("seen", [0, 1, 2])
@pytest.mark.parametrize("cut", [True, False])
def test_a_broken_stream_goes_on_without_gap_or_repeat(seen: int, *, cut: bool) -> None:
    """Wherever it breaks, the same request is sent again and what was seen is passed over."""
    client, transport = client_of(streamed(*EVENTS[:seen], cut=cut), streamed(*EVENTS))

    assert EVENTS == list(client.runs.stream("adder", "17 * 23?"))
    first, second = transport.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.body == second.body


def test_a_stream_that_keeps_breaking_is_given_up() -> None:
    """Without progress the tries end with StreamBroken."""
    client, transport = client_of(*(streamed(EVENTS[0]) for _ in range(4)))

    with pytest.raises(StreamBroken):
        list(client.runs.stream("adder", "17 * 23?"))
    assert 3 == len(transport.requests)


def test_a_stream_without_places_is_not_trusted() -> None:
    """Without ids nothing could be resumed, so it is an error."""
    chunks = [b"event: run.started\ndata: {}\n\n"]
    client, _ = client_of(*(HttpResponse(200, {}, chunks) for _ in range(3)))

    with pytest.raises(StreamBroken, match="no place"):
        list(client.runs.stream("adder", "17 * 23?"))


def test_a_run_is_answered_by_its_id() -> None:
    """The answer goes along, and how the caller wants the rest."""
    client, transport = client_of(
        *(HttpResponse(status, {}, [json.dumps(RUN).encode()]) for status in (202, 200))
    )
    client.runs.resume("r1", "Yes.")
    client.runs.resume("r1", wait=True)

    assert "http://cloud.test/v1/runs/r1/resume" == transport.requests[0].url
    assert [{"mode": "background", "answer": "Yes."}, {"mode": "wait"}] == [
        json.loads(request.body or b"{}") for request in transport.requests
    ]


def test_a_run_is_cancelled_by_its_id() -> None:
    """The answer is the run as it stands then."""
    client, transport = client_of(
        HttpResponse(200, {}, [json.dumps({**RUN, "status": "cancelled"}).encode()])
    )

    assert "cancelled" == client.runs.cancel("r1").status
    assert ("POST", "http://cloud.test/v1/runs/r1/cancel") == (
        transport.requests[0].method,
        transport.requests[0].url,
    )
