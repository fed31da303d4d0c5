"""What a session is called until somebody names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.memory_mgr.service.titles import MAX_CHARS, title_of

LONG = "word " * 30


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is 17 * 23?", "What is 17 * 23?"),
        ("\n\n  First line \nsecond", "First line"),
        ("a\tb   c", "a b c"),
        ("", ""),
        (" \n\t\n", ""),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("x" * 79 + " y", "x" * 79 + "…"),
        (LONG, ("word " * 16).strip() + "…"),
        ("a\u202eb\x07c", "a b c"),
    ],
)
def test_a_title_is_the_first_line(text: str, title: str) -> None:
    """Without what does not print, cut at a word where it is too long."""
    assert title == title_of(text)


@given(st.text())
def test_any_text_has_a_title(text: str) -> None:
    """Of at most 80 characters, on one line, with nothing at its ends."""
    title = title_of(text)

    assert len(title) <= MAX_CHARS
    assert title == title.strip()
    assert title.isprintable()
