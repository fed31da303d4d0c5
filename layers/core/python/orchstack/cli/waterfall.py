"""A run's spans as a waterfall: what took how long, inside what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"

Span = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A span on its line: how deep it lies, and where its bar stands in the whole."""

    name: str
    depth: int
    bar: str
    milliseconds: float
    note: str


def rows(spans: Sequence[Span]) -> Iterator[Row]:
    """Lay out spans below their parents, in the order in which they began."""
    if not spans:
        return
    begin = min(span["start_ms"] for span in spans)
    whole = max(span["end_ms"] for span in spans) - begin
    known = {span["id"] for span in spans}
    tops = [span for span in spans if span["parent"] not in known]
    for span, depth in _walk(tops, spans, 0):
        took = span["end_ms"] - span["start_ms"]
        drawn = bar(span["start_ms"] - begin, took, whole)
        yield Row(span["name"], depth, drawn, took, _note(span["attributes"]))


def _walk(level: Sequence[Span], spans: Sequence[Span], depth: int) -> Iterator[tuple[Span, int]]:
    for span in sorted(level, key=lambda s: s["start_ms"]):
        yield span, depth
        yield from _walk([s for s in spans if s["parent"] == span["id"]], spans, depth + 1)


def bar(offset: float, length: float, whole: float, width: int = WIDTH) -> str:
    """Draw a bar of a part within a whole; even the shortest part can be seen."""
    if whole <= 0:
        return "▏".ljust(width)
    start = min(int(offset / whole * width), width - 1)
    eighths = max(1, round(length / whole * width * 8))
    full, rest = divmod(min(eighths, (width - start) * 8), 8)
    return (" " * start + "█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def _note(attributes: Mapping[str, Any]) -> str:
    """What of a span's attributes is worth the line: tokens and errors."""
    tokens = [attributes.get(f"gen_ai.usage.{side}_tokens") for side in ("input", "output")]
    notes = [f"{tokens[0]} + {tokens[1]} tokens"] if None not in tokens else []
    if error := attributes.get("error.type"):
        notes.append(f"✗ {error}")
    return ", ".join(notes)
