"""What a session is called until somebody names it."""

from __future__ import annotations

from typing import Final

MAX_CHARS: Final = 80


def title_of(text: str) -> str:
    """Give the first line of a text, at most 80 characters of it, cut at a word."""
    line = next((tidy for tidy in map(_tidy, text.splitlines()) if tidy), "")
    if len(line) <= MAX_CHARS:
        return line
    room = line[: MAX_CHARS - 1]
    whole_words = room if line[MAX_CHARS - 1] == " " else room.rpartition(" ")[0]
    return (whole_words or room).rstrip() + "…"


def _tidy(line: str) -> str:
    """Write a line without what does not print: control characters, and what turns text around."""
    printed = "".join(character if character.isprintable() else " " for character in line)
    return " ".join(printed.split())
