"""Reading Server-Sent Events (WHATWG HTML §9.2) from bytes that arrive in any pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from orchstack.llm_router.model import ProviderFailure

MAX_EVENT_BYTES: Final = 1024 * 1024

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


def read_events(pieces: Iterable[bytes]) -> Iterator[str]:
    """Give the data of each event. Raises ProviderFailure if one event grows past a mebibyte.

    An event whose closing blank line is missing at the end of the stream still counts.
    """
    data: list[bytes] = []
    for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
            _bound(sum(map(len, data)))
        elif not line and data:
            yield b"\n".join(data).decode("utf-8", "replace")
            data = []
    if data:
        yield b"\n".join(data).decode("utf-8", "replace")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    first = True
    for piece in pieces:
        held += piece
        # A carriage return at the end may be half of a line end.
        *lines, held = _LINE_END.split(held) if not held.endswith(b"\r") else _cut_return(held)
        _bound(len(held))
        for line in lines:
            yield line.removeprefix(_BOM) if first else line
            first = False
    if held:
        yield held.rstrip(b"\r")


def _cut_return(held: bytes) -> list[bytes]:
    *lines, last = _LINE_END.split(held[:-1])
    return [*lines, last + b"\r"]


def _bound(size: int) -> None:
    if size > MAX_EVENT_BYTES:
        raise ProviderFailure("it sent an event of more than a mebibyte.")
