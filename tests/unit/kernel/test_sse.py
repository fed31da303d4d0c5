from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel import sse

_TEXT = st.text(st.characters(exclude_characters="\r"), max_size=80)


def _read(stream: str) -> list[dict[str, str]]:
    """A reader as the specification describes it."""
    events = []
    for block in stream.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        if "data" in fields:
            events.append(fields)
    return events


def test_an_event_has_id_name_and_data() -> None:
    """The frame is what EventSource reads."""
    assert 'id: 1\nevent: text.delta\ndata: {"a":1}\n\n' == sse.frame("1", "text.delta", '{"a":1}')


@given(data=_TEXT)
def test_data_of_several_lines_arrives_whole(data: str) -> None:
    """However the data is broken, the reader gets it back, as one event."""
    assert [{"id": "1", "event": "e", "data": data}] == _read(sse.frame("1", "e", data))


@given(name=st.text(max_size=20))
def test_a_name_cannot_begin_another_event(name: str) -> None:
    """Line breaks in an id or a name do not end the frame."""
    assert 1 == len(_read(sse.frame(name, name, "x")))
