"""A detector of given words, for tests and for the words an installation never lets pass."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchstack.guard_sys.model import Kind, Span


class WordDetector:
    """Finds the given words as one kind; a word must consist of letters, digits and dashes."""

    def __init__(self, words: Iterable[str], kind: Kind = Kind.SECRET) -> None:
        """Take the words; the longest wins where several fit."""
        ordered = sorted(words, key=len, reverse=True)
        self._shape = re.compile("|".join(map(re.escape, ordered)) or r"(?!)")
        self._kind = kind

    def find(self, segment: str) -> list[Span]:
        """Give the spans found, in order and without overlap."""
        return [Span(*found.span(), self._kind) for found in self._shape.finditer(segment)]
