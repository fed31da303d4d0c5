"""Server-Sent Events, written and read (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

CONTENT_TYPE = "text/event-stream"
MAX_EVENT_BYTES = 4 * 1024 * 1024
_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


class EventTooLong(ValueError):
    """An event of the stream passes the size it may have."""


@dataclass(frozen=True)
class ServerSentEvent:
    """One event that was read; `id` is the last one seen, as the specification wants."""

    id: str
    event: str
    data: str


def frame(event_id: str, name: str, data: str) -> str:
    """Write one event; data of several lines becomes several `data:` lines, as the format wants."""
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = f"id: {event_id.translate(_BREAKS)}\nevent: {name.translate(_BREAKS)}\n"
    return head + "".join(f"data: {line}\n" for line in lines) + "\n"


def comment(text: str) -> str:
    """Write a line that readers pass over; it shows both ends that the connection lives."""
    return f": {text.translate(_BREAKS)}\n\n"


def read(
    chunks: Iterable[bytes], *, max_bytes: int = MAX_EVENT_BYTES, unfinished: bool = False
) -> Iterator[ServerSentEvent]:
    """Give the events of a byte stream, however it is cut, each as soon as its blank line has come.

    Comments and unknown fields are passed over, and so is an event that the end of the stream cuts
    off, unless `unfinished` ones count too. Raises EventTooLong beyond `max_bytes`.
    """
    pending = _Pending(max_bytes)
    for line in _lines(chunks, max_bytes, unfinished=unfinished):
        if line:
            pending.take(line)
        elif event := pending.dispatch():
            yield event
    if unfinished and (event := pending.dispatch()):
        yield event


@dataclass
class _Pending:
    """The event whose lines are coming in."""

    room: int
    id: str = ""
    event: str = ""
    data: list[str] = field(default_factory=list)
    size: int = 0

    def take(self, line: bytes) -> None:
        self.size += len(line) + 1
        if self.size > self.room:
            raise EventTooLong(f"an event of the stream has more than {self.room} bytes")
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self.data.append(value)
        elif name == "event":
            self.event = value
        elif name == "id" and "\0" not in value:
            self.id = value

    def dispatch(self) -> ServerSentEvent | None:
        event, data = self.event or "message", self.data
        self.event, self.data, self.size = "", [], 0
        return ServerSentEvent(self.id, event, "\n".join(data)) if data else None


def _lines(chunks: Iterable[bytes], max_bytes: int, *, unfinished: bool) -> Iterator[bytes]:
    """Cut a stream into lines; a CR at the end of a chunk waits for the LF that may follow."""
    buffer, first = b"", True
    for chunk in chunks:
        buffer += chunk
        held = b"\r" if buffer.endswith(b"\r") else b""
        *lines, rest = _split(buffer.removesuffix(b"\r"))
        buffer = rest + held
        if len(buffer) > max_bytes:
            raise EventTooLong(f"a line of the stream has more than {max_bytes} bytes")
        for line in lines:
            yield line.removeprefix(b"\xef\xbb\xbf") if first else line
            first = False
    if buffer and (unfinished or buffer.endswith(b"\r")):
        yield buffer.removesuffix(b"\r")


def _split(buffer: bytes) -> list[bytes]:
    return buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
