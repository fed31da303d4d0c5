"""Following a run through the client: by its id, and behind a stream that broke."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.sdk import (
    ConnectionFailed,
    Fork,
    Gone,
    HttpRequest,
    HttpResponse,
    MockTransport,
    OrchStack,
    Retries,
    RunEvent,
    StreamBroken,
)

TALE = [
    RunEvent("0.1.0", "run.started", {"run_id": "r1"}),
    RunEvent("2.1.0", "model.started", {"step": 2, "attempt": 1}),
    *(RunEvent(f"2.1.{n}", "text.delta", {"text": str(n)}) for n in range(1, 12)),
    RunEvent("2.1.12", "model.completed", {"step": 2}),
    RunEvent("3.1.0", "run.completed", {"output": "…"}),
]


class Server:
    """Tells the tale from where it is asked to, and hangs up after so many events."""

    def __init__(self, *cuts: int) -> None:
        """Take after how many events each connection breaks; further ones do not."""
        self.cuts = list(cuts)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request for the events."""
        after = parse_qs(urlsplit(request.url).query).get("after", ["-1"])[0]
        left = [event for event in TALE if _place(event.id) > _place(after)]
        cut = self.cuts.pop(0) if self.cuts else None
        return HttpResponse(200, {"OrchStack-Run-Id": "r1"}, _chunks(left[:cut], cut is not None))


def _place(id_: str) -> tuple[int, ...]:
    return tuple(map(int, id_.split(".")))


def _chunks(events: list[RunEvent], cut: bool) -> Iterator[bytes]:
    yield b": still here\n\n"
    for e in events:
        yield f"id: {e.id}\nevent: {e.name}\ndata: {json.dumps(e.data)}\n\n".encode()
    if cut:
        yield b"id: 9.9.9\nevent: text."
        raise ConnectionFailed("cut")


def client_of(server: Server, attempts: int = 3) -> tuple[OrchStack, MockTransport]:
    """A client of the server that does not wait between its tries."""
    transport = MockTransport(server)
    retries = Retries(attempts=attempts, sleep=lambda _: None)
    return OrchStack("http://cloud.test", "k", transport=transport, retries=retries), transport


@given(cuts=st.lists(st.integers(1, len(TALE)), max_size=8))
def test_a_run_is_followed_through_every_break(cuts: list[int]) -> None:
    """Wherever the connection breaks, each event comes once and in order."""
    client, _ = client_of(Server(*cuts))

    assert TALE == list(client.runs.events("r1"))


@given(cuts=st.lists(st.integers(1, len(TALE)), max_size=8))
def test_what_is_asked_is_followed_through_every_break(cuts: list[int]) -> None:
    """The request is sent once; then the run is followed by its id."""
    client, transport = client_of(Server(*cuts))

    assert TALE == list(client.runs.stream("adder", "17 * 23?"))
    assert 1 == sum(request.method == "POST" for request in transport.requests)


def test_a_run_is_followed_from_a_place_on() -> None:
    """Only what comes behind the event is given, and only the names that are wanted."""
    client, transport = client_of(Server())
    events = client.runs.events("r1", after="2.1.11", types=["model.completed"])
    query = "after=2.1.11&types=model.completed%2Crun.cancelled%2Crun.completed%2Crun.failed"

    assert TALE[-2:] == list(events)
    assert query == urlsplit(transport.requests[0].url).query


def test_an_attempt_that_was_begun_again_is_told_again() -> None:
    """Its ids rise, so nothing of it is taken for a repeat."""
    again = [RunEvent("2.2.0", "model.started", {"attempt": 2}), TALE[-1]]
    answers = [_chunks(TALE[:5], cut=True), _chunks(again, cut=False)]
    transport = MockTransport(lambda _: HttpResponse(200, {}, answers.pop(0)))
    client = OrchStack("http://cloud.test", "k", transport=transport, retries=_at_once())

    assert [*TALE[:5], *again] == list(client.runs.events("r1"))


def test_following_without_progress_is_given_up() -> None:
    """A server that tells nothing more is asked as often as other calls are tried."""
    client, transport = client_of(Server(2, 0, 0, 0, 0))

    with pytest.raises(ConnectionFailed):
        list(client.runs.events("r1"))
    assert 3 == len(transport.requests)


def test_a_stream_that_ends_too_soon_is_no_end() -> None:
    """Without the run's last event the end of a stream is a break, which is given up in the end."""
    transport = MockTransport(lambda _: HttpResponse(200, {}, _chunks(TALE[:1], cut=False)))
    client = OrchStack("http://cloud.test", "k", transport=transport, retries=_at_once())

    with pytest.raises(StreamBroken):
        list(client.runs.events("r1"))


def test_an_erased_run_is_gone() -> None:
    """It is refused at once, however often one asks."""
    problem = json.dumps({"status": 410, "code": "gone"}).encode()
    transport = MockTransport(lambda _: HttpResponse(410, {}, [problem]))
    client = OrchStack("http://cloud.test", "k", transport=transport, retries=_at_once())

    with pytest.raises(Gone):
        list(client.runs.events("r1"))
    assert 1 == len(transport.requests)


def test_a_fork_sends_only_what_is_changed() -> None:
    """And is followed as any run."""
    client, transport = client_of(Server(3))
    fork = Fork(from_step=4, tool_result="392", model="builtin/echo")

    assert TALE == list(client.runs.stream_fork("r0", fork))
    assert "/v1/runs/r0/fork" == urlsplit(transport.requests[0].url).path
    assert {
        "from_step": 4,
        "mode": "stream",
        "model": "builtin/echo",
        "tool_result": {"content": "392", "is_error": False},
    } == json.loads(transport.requests[0].body or b"")


def _at_once() -> Retries:
    return Retries(attempts=3, sleep=lambda _: None)
