"""What is looked for in a segment; bounded patterns only, so that searching is linear.

A pattern begins with what it can begin with, and looks behind that afterwards: `re` then skips fast
to the few places where it can start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final, Protocol

from orchstack.guard_sys.detectors.checksums import IBAN_LENGTHS, passes_luhn, passes_mod_97
from orchstack.guard_sys.model import Kind, Span

# Gives how many characters of the match hold, counted from its start; 0 for none.
Check = Callable[[str], int]

_LETTER: Final = "A-Za-z\u00c0-\u024f\u0370-\u052f"
_LABEL: Final = rf"[{_LETTER}0-9](?:[{_LETTER}0-9\-]{{0,61}}[{_LETTER}0-9])?"
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_MIN_IPV6_PARTS: Final = 3
_MAX_LOCAL_PART: Final = 64


class _Search(Protocol):
    def find(self, segment: str) -> Iterator[Span]: ...


@dataclass(frozen=True)
class Pattern:
    """One shape of one kind of thing, and the check that tells it from its look-alikes."""

    kind: Kind
    shape: re.Pattern[str]
    check: Check = len
    needs: str = ""

    def find(self, segment: str) -> Iterator[Span]:
        """Give what fits the shape and passes the check, from left to right."""
        if self.needs not in segment:
            return
        at = 0
        while found := self.shape.search(segment, at):
            start = found.start()
            held = self.check(found[0])
            if held:
                yield Span(start, start + held, self.kind)
            at = start + max(held, 1)


class Emails:
    """E-mail addresses: from each `@`, as far as both sides reach."""

    _domain: Final = re.compile(rf"(?:{_LABEL}\.){{1,6}}[{_LETTER}]{{2,24}}(?![{_LETTER}])")
    _local_reversed: Final = re.compile(rf"[{_LETTER}0-9._%+\-]+")

    def find(self, segment: str) -> Iterator[Span]:
        """Give the addresses, from left to right."""
        end = 0
        at = segment.find("@")
        while at >= 0:
            before = segment[max(end, at - _MAX_LOCAL_PART) : at][::-1]
            local = self._local_reversed.match(before)
            domain = self._domain.match(segment, at + 1)
            if local and domain:
                end = domain.end()
                yield Span(at - local.end(), end, Kind.EMAIL)
            at = segment.find("@", at + 1)


def _card(text: str) -> int:
    digits = text.replace(" ", "").replace("-", "")
    # 13 to 19 zeros pass the Luhn check too, and are no card.
    return len(text) if passes_luhn(digits) and digits.strip("0") else 0


def _iban(text: str) -> int:
    """Cut to the length its country has: a number in the next group is no part of it."""
    length = IBAN_LENGTHS.get(text[:2].upper(), 0)
    grouped = text[4] == " "
    end = length + (length - 1) // 4 if grouped else length
    compact = text[:end].replace(" ", "")
    if not length or len(compact) != length or text[end : end + 1].isalnum():
        return 0
    return end if passes_mod_97(compact) else 0


def _ipv6(text: str) -> int:
    candidate = text if text.endswith("::") else text.rstrip(":.")
    try:
        IPv6Address(candidate)
    except AddressValueError:
        return 0
    parts = [part for part in candidate.split(":") if part]
    return len(candidate) if len(parts) >= _MIN_IPV6_PARTS else 0


_DATE: Final = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:19|20)\d{2}")


def _national_phone(text: str) -> int:
    return 0 if _DATE.match(text) else len(text)


SECRET: Final = re.compile(
    r"[Aosgx](?<![A-Za-z0-9].)(?:"
    r"(?<=A)(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])|(?<=A)Iza[A-Za-z0-9_\-]{35}"
    r"|(?<=o)s_(?:live|test)_[A-Za-z0-9]{16,80}"
    r"|(?<=s)k[-_](?:live_|test_|ant-|proj-)?[A-Za-z0-9_\-]{20,280}"
    r"|(?<=g)(?:h[pousr]_[A-Za-z0-9]{36,80}|ithub_pat_[A-Za-z0-9_]{22,120})"
    r"|(?<=g)lpat-[A-Za-z0-9_\-]{20,80}"
    r"|(?<=x)ox[abeprs]-[A-Za-z0-9\-]{10,200})"
)
IBAN: Final = re.compile(
    r"[A-Za-z](?<![A-Za-z0-9].)[A-Za-z]\d{2}(?:[A-Za-z0-9]{11,29}"
    r"|(?: [A-Za-z0-9]{4}){2,7}(?: [A-Za-z0-9]{1,3})?)(?![A-Za-z0-9])"
)
LONG_CARD: Final = re.compile(r"\d(?<!\d\d)\d{3}([ -])\d{4}\1\d{4}\1\d{4}\1\d{3}(?!\d)")
CARD: Final = re.compile(
    r"\d(?<!\d\d)(?:\d{12,18}|\d{3}([ -])\d{4}\1\d{4}\1\d{4}|\d{3}([ -])\d{6}\2\d{4,5})(?!\d)"
)
SSN: Final = re.compile(
    r"\d(?<![\d-]\d)(?<!9)\d{2}(?<!000)(?<!666)([ -])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])"
)
IPV6: Final = re.compile(r"[0-9A-Fa-f:](?<![A-Za-z0-9:.].)[0-9A-Fa-f:.]{3,45}(?![A-Za-z0-9:])")
IPV4: Final = re.compile(
    rf"\d(?<![\d.]\d)(?:(?<=2)5[0-5]|(?<=2)[0-4]\d|(?<=1)\d\d|(?<!0)\d|)"
    rf"(?:\.{_OCTET}){{3}}(?!\.?\d)"
)
INTERNATIONAL: Final = re.compile(r"\+(?<![\d+.].)[1-9](?:[ .\-/()]{0,3}\d){7,14}(?!\d)")
DIALLED: Final = re.compile(r"00(?<![\d+.]..)[1-9](?:[ .\-/()]{0,3}\d){8,14}(?!\d)")
NORTH_AMERICAN: Final = re.compile(
    r"[1-9(](?<![\d+.].)(?:(?<=1)[ .\-]\(?[2-9])?"
    r"(?:(?<=\()[2-9])?(?<=[2-9])\d{2}(?:\) ?|[ .\-])\d{3}[ .\-]\d{4}(?!\d)"
)
# Elsewhere: a trunk zero, an area, a separator.
NATIONAL: Final = re.compile(
    r"[0(](?<![\d+.].)(?:(?<=\()0)?[1-9]\d{0,4}\)?(?: ?[/\-] ?| )\d{2,4}(?:[ \-]?\d){3,7}(?!\d)"
)

SEARCHES: Final[tuple[_Search, ...]] = (
    Pattern(Kind.SECRET, SECRET),
    Emails(),
    Pattern(Kind.IBAN, IBAN, _iban),
    Pattern(Kind.CARD, LONG_CARD, _card),
    Pattern(Kind.CARD, CARD, _card),
    Pattern(Kind.SSN, SSN),
    Pattern(Kind.IP_ADDRESS, IPV6, _ipv6, needs=":"),
    Pattern(Kind.IP_ADDRESS, IPV4, needs="."),
    Pattern(Kind.PHONE, INTERNATIONAL),
    Pattern(Kind.PHONE, DIALLED),
    Pattern(Kind.PHONE, NORTH_AMERICAN),
    Pattern(Kind.PHONE, NATIONAL, _national_phone),
)
# A segment without any of these holds no match; most words end here.
_HINT: Final = re.compile(r"[0-9@_:\-A](?:(?<!A)|KIA|SIA|Iza)")


class PatternDetector:
    """Finds personal data and secrets by their shape and checksum; the earlier pattern wins."""

    def find(self, segment: str) -> list[Span]:
        """Give the spans found, in order and without overlap."""
        if not _HINT.search(segment):
            return []
        found: list[Span] = []
        for search in SEARCHES:
            before = tuple(found)
            found += [span for span in search.find(segment) if not _overlaps(span, before)]
        return sorted(found, key=lambda span: span.start)


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)
