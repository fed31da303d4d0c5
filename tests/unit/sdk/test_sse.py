"""The parser of Server-Sent Events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.sdk.sse import MAX_LINE_BYTES, ServerSentEvent, parse

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
    assert EVENTS == list(parse([STREAM]))


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_it_does_not_matter_how_the_bytes_arrive(cuts: list[int]) -> None:
    """Wherever the network cuts the stream, also inside a character or a CRLF, events are equal."""
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(edges)]

    assert EVENTS == list(parse(chunks))


@given(st.binary(max_size=300))
def test_noise_never_breaks_the_parser(noise: bytes) -> None:
    """Whatever the bytes are, the parser gives events or nothing."""
    assert all(event.data is not None for event in parse([noise, b"\n\n"]))


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    """The parser does not wait for the next event."""
    events = parse(iter([b"data: a\n\n", b"data: b\n\n"]))

    assert "a" == next(events).data


def test_an_endless_line_is_refused() -> None:
    """A line that never ends does not fill the memory."""
    with pytest.raises(ValueError, match="longer than 4 MB"):
        list(parse([b"x" * (MAX_LINE_BYTES + 1)]))
