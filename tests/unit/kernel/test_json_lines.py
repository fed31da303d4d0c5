"""Finding the line of a fault in a JSON text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel.json_lines import PathPart, line_of, pointer

TEXT = """{
  "name": "a \\" } ] trap",
  "limits": {
    "max_steps": 1, "max_seconds":
      2
  },
  "tools": [ "x",
    {"deep": [
      true]}]
}"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("name",), 2),
        (("limits",), 3),
        (("limits", "max_seconds"), 5),
        (("tools", 1), 8),
        (("tools", 1, "deep", 0), 9),
        (("limits", "absent"), 3),
        (("name", "absent"), 2),
        (("absent",), 1),
    ],
)
def test_a_path_leads_to_its_line(path: tuple[PathPart, ...], line: int) -> None:
    """To the value itself, or to the nearest thing around it that is there."""
    assert line == line_of(TEXT, path)


@given(st.text(alphabet='{}[]",:1 \n\\a', max_size=30), st.lists(st.just("a") | st.just(0)))
def test_broken_text_has_no_lines(text: str, path: list[PathPart]) -> None:
    """It gives a line or None, and never an error."""
    line = line_of(text, path)

    assert line is None or 1 <= line <= text.count("\n") + 1


@given(st.dictionaries(st.text(), JSON, min_size=1))
def test_every_member_is_found(document: dict[str, object]) -> None:
    """With one member a line, the n-th name is on line n + 1."""
    members = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in document.items())
    text = "{\n" + ",\n".join(members) + "\n}"

    assert list(range(2, len(document) + 2)) == [line_of(text, [name]) for name in document]


def test_a_pointer_escapes_its_signs() -> None:
    """As RFC 6901 asks."""
    assert "/labels/a~1b~0c/0" == pointer(["labels", "a/b~c", 0])
