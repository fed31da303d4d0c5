"""What the guards need from the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchstack.guard_sys.model import Span


class Detector(Protocol):
    """Finds what must not pass in a segment: a short text that holds every match whole."""

    def find(self, segment: str) -> Sequence[Span]:
        """Give the spans found, in order and without overlap; the same for the same segment."""
