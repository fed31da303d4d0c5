"""Finds the line of a JSON text that a path points at, to show a fault where it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from json import JSONDecoder
from typing import Final

PathPart = str | int

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = JSONDecoder()


def line_of(text: str, path: Sequence[PathPart]) -> int | None:
    """Give the 1-based line where the value at `path` starts, or its nearest parent's if missing.

    None if the text is no JSON up to there. A name that is given twice counts where it is first.
    """
    try:
        return 1 + text.count("\n", 0, _find(text, path))
    except (ValueError, IndexError, RecursionError):
        return None


def pointer(path: Sequence[PathPart]) -> str:
    """Write a path as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _find(text: str, path: Sequence[PathPart]) -> int:
    at = _skip(text, 0)
    for part in path:
        found = [start for name, start in _members(text, at) if name == part]
        if not found:
            break
        at = found[0]
    return at


def _members(text: str, at: int) -> Iterator[tuple[PathPart, int]]:
    """Give the name or index of each member of the container at `at`, and its value's start."""
    if text[at] not in "{[":
        return
    is_object, close = text[at] == "{", "}" if text[at] == "{" else "]"
    index = 0
    at = _skip(text, at + 1)
    while text[at] != close:
        name: PathPart = index
        if is_object:
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        yield name, at
        at = _skip(text, _DECODER.raw_decode(text, at)[1])
        at = _skip(text, at + 1) if text[at] == "," else at
        index += 1


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return at if match is None else match.end()
