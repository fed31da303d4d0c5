"""Redaction of a text that arrives in pieces, with the same outcome however it is cut.

The text is read as segments: runs of characters that matches are made of, joined over a single
space where a number or an IBAN goes on. No match crosses the end of a segment, so a segment is
redacted by itself, as soon as its end is certain. All else passes at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from orchstack.guard_sys.detectors.folding import ZERO_WIDTH, fold
from orchstack.guard_sys.model import Kind, Span

Find = Callable[[str], Sequence[Span]]

# A segment that grows this long is cut, outside any match. No pattern matches more than REACH
# characters, so a match that crosses the cut lies whole inside the window.
WINDOW: Final = 2_048
REACH: Final = 512
_CUT: Final = WINDOW - REACH
# How far ahead one step looks: past the start of a segment, all of its window.
_STEP: Final = 2 * WINDOW
_MIN_LENGTH: Final = 4

_IN: Final = rf"[A-Za-z0-9._%+\-@/:()\u00c0-\u024f\u0370-\u052f{ZERO_WIDTH}]"
_ENDS_NUMBER: Final = rf"[0-9)/.\-{ZERO_WIDTH}]"
_GOES_ON: Final = rf"[0-9(+/\-{ZERO_WIDTH}]"
_SEGMENT: Final = re.compile(rf"{_IN}+(?:(?<={_ENDS_NUMBER}) (?={_GOES_ON}){_IN}+)*")
_NEXT: Final = re.compile(rf" {_IN}+(?:(?<={_ENDS_NUMBER}) (?={_GOES_ON}){_IN}+)*")
_NUMBER_END: Final = re.compile(rf"{_ENDS_NUMBER}$")
# An IBAN in groups of four, from its country up to a full group.
_IBAN_OPEN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: [A-Za-z0-9]{4}){0,7}$")
_IBAN_REACH: Final = 40


class Redactor:
    """Takes a text piece by piece; gives it back with placeholders where something was found."""

    def __init__(self, find: Find) -> None:
        """Take what finds spans in a segment."""
        self._find = find
        self._held = ""
        self.counts: Counter[Kind] = Counter()

    def feed(self, delta: str) -> str:
        """Take the next piece; gives all that can no longer become part of a match."""
        return self._advance(self._held + delta, final=False)

    def finish(self) -> str:
        """Give what was held back; the text has ended."""
        return self._advance(self._held, final=True)

    def _advance(self, text: str, *, final: bool) -> str:
        folded = fold(text)
        out: list[str] = []
        at = 0
        while at < len(text):
            segment = _SEGMENT.search(folded, at, at + _STEP)
            start = segment.start() if segment else min(at + _STEP, len(text))
            out.append(text[at:start])
            at = start
            if segment is None or start + WINDOW >= segment.endpos < len(text):
                continue
            end = _segment_end(folded, *segment.span())
            if end - start >= WINDOW:
                at += self._cut(text[start : start + WINDOW], out)
            elif not final and _may_grow(folded, start, end):
                break
            else:
                out.append(self._redact(text[start:end], self._spans(folded[start:end])))
                at = end
        self._held = text[at:]
        return "".join(out)

    def _cut(self, window: str, out: list[str]) -> int:
        """Redact the first part of a window; gives how many characters that took."""
        spans = self._spans(fold(window))
        end = _CUT
        for span in spans:
            if span.start < end < span.end:
                end = span.start or span.end
        out.append(self._redact(window[:end], [span for span in spans if span.end <= end]))
        return end

    def _spans(self, folded: str) -> Sequence[Span]:
        if len(folded) < _MIN_LENGTH:
            return ()
        if ZERO_WIDTH not in folded:
            return self._find(folded)
        places = [place for place, character in enumerate(folded) if character != ZERO_WIDTH]
        bare = folded.replace(ZERO_WIDTH, "")
        return [
            Span(places[span.start], places[span.end - 1] + 1, span.kind)
            for span in self._find(bare)
        ]

    def _redact(self, text: str, spans: Sequence[Span]) -> str:
        if not spans:
            return text
        out: list[str] = []
        at = 0
        for span in spans:
            out += (text[at : span.start], span.kind.placeholder)
            at = span.end
            self.counts[span.kind] += 1
        out.append(text[at:])
        return "".join(out)


def _segment_end(folded: str, start: int, end: int) -> int:
    """Where the segment ends, with the groups of an IBAN joined that hold no digit to join them."""
    while folded[end : end + 1] == " " and end - start < WINDOW:
        following = _NEXT.match(folded, end, end + WINDOW)
        if following is None or not _IBAN_OPEN.search(folded[_reach(start, end) : end]):
            break
        end = following.end()
    return end


def _may_grow(folded: str, start: int, end: int) -> bool:
    if end == len(folded):
        return True
    waits = end + 1 == len(folded) and folded[end] == " "
    tail = folded[_reach(start, end) : end]
    return waits and bool(_NUMBER_END.search(tail) or _IBAN_OPEN.search(tail))


def _reach(start: int, end: int) -> int:
    # One character before the pattern's reach lets its look-behind see what stands there.
    return max(start, end - _IBAN_REACH)
