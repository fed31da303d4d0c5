from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel import sse
from orchstack.kernel.sse import ServerSentEvent

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=80)


def test_an_event_has_id_name_and_data() -> None:
    """The frame is what EventSource reads."""
    assert 'id: 1\nevent: text.delta\ndata: {"a":1}\n\n' == sse.frame("1", "text.delta", '{"a":1}')


@given(data=_TEXT)
def test_data_of_several_lines_arrives_whole(data: str) -> None:
    """However the data is broken, the reader gets it back, as one event."""
    stream = sse.frame("1", "e", data).encode()
    assert [ServerSentEvent("1", "e", data)] == list(sse.read([stream]))


@given(name=st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_name_cannot_begin_another_event(name: str) -> None:
    """Line breaks in an id or a name do not end the frame."""
    assert 1 == len(list(sse.read([sse.frame(name, name, "x").encode()])))
