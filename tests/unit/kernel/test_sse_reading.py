"""The reader of Server-Sent Events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel.sse import MAX_EVENT_BYTES, EventTooLong, ServerSentEvent, read

STREAM = (
    '\ufeffid: 1\nevent: text.delta\ndata: {"text": "grün"}\n\n'
    ": a comment\r\n\r\n"
    "id: 2\r\ndata: first\r\ndata: second\r\nretry: 10\r\nunknown\r\n\r\n"
    "data:no space\r\rdata: last\n\n"
    "data: cut off"
).encode()
EVENTS = [
    ServerSentEvent("1", "text.delta", '{"text": "grün"}'),
    ServerSentEvent("2", "message", "first\nsecond"),
    ServerSentEvent("2", "message", "no space"),
    ServerSentEvent("2", "message", "last"),
]


def test_a_stream_is_read_as_the_specification_says() -> None:
    """Byte order mark, comments, line ends, several data lines, a cut-off end: all as specified."""
    assert EVENTS == list(read([STREAM]))


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_it_does_not_matter_how_the_bytes_arrive(cuts: list[int]) -> None:
    """Wherever the network cuts the stream, also inside a character or a CRLF, events are equal."""
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(edges)]

    assert EVENTS == list(read(chunks))


@given(st.binary(max_size=300))
def test_noise_never_breaks_the_reader(noise: bytes) -> None:
    """Whatever the bytes are, the reader gives events or nothing."""
    assert all(event.data is not None for event in read([noise, b"\n\n"]))


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    """The reader does not wait for the next event."""
    events = read(iter([b"data: a\n\n", b"data: b\n\n"]))

    assert "a" == next(events).data


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_an_event_that_the_end_cuts_off_can_count_too(cuts: list[int]) -> None:
    """A server that ends without the closing blank line has still said it."""
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    expected = [*EVENTS, ServerSentEvent("2", "message", "cut off")]

    assert expected == list(read(chunks, unfinished=True))


def test_an_endless_line_is_refused() -> None:
    """A line that never ends does not fill the memory."""
    with pytest.raises(EventTooLong):
        list(read(itertools.repeat(b"x" * 65_536)))


@pytest.mark.parametrize("line", [b"data: x\n", b"data:\n", b": comment\n", b"id: 1\n"])
def test_an_endless_event_is_refused(line: bytes) -> None:
    """Nor do lines without end, be they empty; they are taken in linear time."""
    with pytest.raises(EventTooLong, match=str(MAX_EVENT_BYTES)):
        list(read(itertools.repeat(line * 1_000)))
