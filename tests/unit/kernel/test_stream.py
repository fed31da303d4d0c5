from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from orchstack.kernel import sse
from orchstack.kernel.errors import NotFound
from orchstack.kernel.http import Answer, EventStream, Request
from tests import make
from tests.unit.kernel.endpoints import LIMITS, WATCH, House, Thing, list_event, raising

Serve = Callable[[Request[Any, Any]], Answer | EventStream]
Event = tuple[str, str, str]


def _stream(house: House, serve: Serve) -> Generator[Any, None, None]:
    return house.factory.stream(WATCH, serve, list_event(), make.LambdaContext())


def _serving(events: Iterator[Event]) -> Serve:
    return lambda _request: EventStream(events=events, headers={"X-Run-Id": "r1"})


def test_the_head_comes_first_then_each_event(house: House) -> None:
    """The head names the content type; every event is one chunk, sent as it comes."""
    events = [("1", "run.started", "{}"), ("2", "run.completed", '{"a":1}')]
    head, *chunks = _stream(house, _serving(iter(events)))
    assert 200 == head["statusCode"]
    expected = {**LIMITS, "Content-Type": "text/event-stream", "X-Run-Id": "r1"}
    assert expected == {name: head["headers"][name] for name in expected}
    assert [
        "id: 1\nevent: run.started\ndata: {}\n\n",
        'id: 2\nevent: run.completed\ndata: {"a":1}\n\n',
    ] == chunks


def test_an_event_does_not_wait_for_the_next(house: House) -> None:
    """The first event is out before the second one is made."""
    made: list[str] = []

    def events() -> Iterator[Event]:
        for number in ("1", "2"):
            made.append(number)
            yield (number, "text.delta", "{}")

    chunks = _stream(house, _serving(events()))
    next(chunks)
    next(chunks)
    assert ["1"] == made
    assert 1 == len(list(chunks))


def test_a_silent_stream_shows_that_it_lives(house: House) -> None:
    """Nothing to tell is a comment, also before the first event; readers pass it over."""
    told = iter([None, ("1", "run.started", "{}"), None])
    _, *chunks = _stream(house, lambda _request: EventStream(events=told))
    read = list(sse.read(chunk.encode() for chunk in chunks))

    assert [":", "id", ":"] == [chunk.split(" ")[0].rstrip(":") or ":" for chunk in chunks]
    assert [sse.ServerSentEvent("1", "run.started", "{}")] == read


def test_what_a_reader_saw_last_reaches_the_call(house: House) -> None:
    """As the header says it."""
    seen: list[str | None] = []

    def serve(request: Request[Any, Any]) -> Answer:
        seen.append(request.last_event_id)
        return Answer(body=Thing(name="a"))

    for headers in ({}, {"Last-Event-ID": "3.1.7"}):
        event = {**list_event(), "headers": headers, "multiValueHeaders": {}}
        list(house.factory.stream(WATCH, serve, event, make.LambdaContext()))

    assert [None, "3.1.7"] == seen


def test_a_whole_answer_is_one_chunk(house: House) -> None:
    """A streaming operation that answers at once sends JSON."""
    head, body = _stream(house, lambda _request: Answer(body=Thing(name="a"), status=202))
    assert (202, "application/json") == (head["statusCode"], head["headers"]["Content-Type"])
    assert "a" == json.loads(body)["name"]


def test_an_error_before_the_first_event_is_an_ordinary_answer(house: House) -> None:
    """What fails early is told by its status, not inside a stream that began well."""

    def events() -> Iterator[Event]:
        if house.clock.monotonic() == 0:
            raise NotFound
        yield ("1", "never", "{}")

    for serve in (raising(NotFound()), _serving(events())):
        head, body = _stream(house, serve)
        assert (404, "application/problem+json") == (
            head["statusCode"],
            head["headers"]["Content-Type"],
        )
        assert "not_found" == json.loads(body)["code"]


def test_a_stream_without_events_ends(house: House) -> None:
    """A service with nothing to tell answers with an empty stream."""
    (head,) = _stream(house, _serving(iter(())))
    assert 200 == head["statusCode"]


def test_an_error_in_mid_stream_breaks_it_off(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime must learn of it, so that the client does not take the stream for complete."""

    def events() -> Iterator[Event]:
        yield ("1", "run.started", "{}")
        raise ZeroDivisionError

    chunks = _stream(house, _serving(events()))
    next(chunks)
    next(chunks)
    with pytest.raises(ZeroDivisionError):
        next(chunks)
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_a_reader_that_leaves_ends_the_service(house: House) -> None:
    """Closing the stream closes what makes the events, and the request is logged."""
    closed: list[bool] = []

    def events() -> Iterator[Event]:
        try:
            yield ("1", "run.started", "{}")
            yield ("2", "never", "{}")
        finally:
            closed.append(True)

    chunks = _stream(house, _serving(events()))
    next(chunks)
    next(chunks)
    chunks.close()
    assert [True] == closed


def test_every_line_logged_while_streaming_has_the_ids(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """The request's line comes at the end of the stream and names the tenant."""
    list(_stream(house, _serving(iter([("1", "a", "{}")]))))
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"request_id", "tenant_id", "trace_id", "duration_ms"} <= set(line)


def test_a_long_stream_is_relayed_while_it_goes_on() -> None:
    """What was announced at the beginning of a long answer does not wait for its end."""
    house = House(soon_s=0.01)
    waited: list[bool] = []

    def events() -> Iterator[Event]:
        waited.append(house.nudged.wait(5))
        yield ("1", "run.completed", "{}")

    list(_stream(house, _serving(events())))
    assert [True] == waited
    assert 1 == house.nudges


def test_a_short_stream_is_relayed_at_its_end_only(house: House) -> None:
    """A stream that is over soon, and announced nothing, wakes nobody."""
    list(_stream(house, _serving(iter([("1", "run.completed", "{}")]))))
    assert not house.nudged.is_set()
