"""Bars that show a part within a whole, such as a step within its run."""

from __future__ import annotations

WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(offset: float, length: float, whole: float, width: int = WIDTH) -> str:
    """Draw a bar of a part within a whole; even the shortest part can be seen."""
    if whole <= 0:
        return "▏".ljust(width)
    start = min(int(offset / whole * width), width - 1)
    eighths = max(1, round(length / whole * width * 8))
    full, rest = divmod(min(eighths, (width - start) * 8), 8)
    return (" " * start + "█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)
