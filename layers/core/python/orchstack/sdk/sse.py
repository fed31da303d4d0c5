"""Server-Sent Events, parsed as https://html.spec.whatwg.org/#event-stream-interpretation says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAX_LINE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ServerSentEvent:
    """One event; `id` is the last one seen, as the specification wants."""

    id: str
    event: str
    data: str


def parse(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Give the events of a byte stream, each as soon as its blank line has come.

    Comments, unknown fields and an event that the end of the stream cuts off are passed over; lines
    may end in LF, CRLF or CR. Raises ValueError at a line beyond 4 MB.
    """
    pending = _Pending()
    for line in _lines(chunks):
        if line:
            pending.take(line)
        elif event := pending.dispatch():
            yield event


@dataclass
class _Pending:
    id: str = ""
    event: str = ""
    data: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self.data.append(value)
        elif name == "event":
            self.event = value
        elif name == "id" and "\0" not in value:
            self.id = value

    def dispatch(self) -> ServerSentEvent | None:
        event, data = self.event or "message", self.data
        self.event, self.data = "", []
        return ServerSentEvent(self.id, event, "\n".join(data)) if data else None


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut a stream into lines; a CR at the end of a chunk waits for the LF that may follow."""
    buffer, first = b"", True
    for chunk in chunks:
        buffer += chunk
        if len(buffer) > MAX_LINE_BYTES:
            raise ValueError("a line of the event stream is longer than 4 MB")
        held = buffer.endswith(b"\r")
        *lines, rest = _split(buffer[:-1] if held else buffer)
        buffer = rest + b"\r" if held else rest
        for line in lines:
            text = line.decode("utf-8", "replace")
            yield text.removeprefix("\ufeff") if first else text
            first = False
    if buffer.endswith(b"\r"):
        yield buffer[:-1].decode("utf-8", "replace")


def _split(buffer: bytes) -> list[bytes]:
    return buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
