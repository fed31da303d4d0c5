"""Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), written."""

from __future__ import annotations

CONTENT_TYPE = "text/event-stream"
_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


def frame(event_id: str, name: str, data: str) -> str:
    """Write one event; data of several lines becomes several `data:` lines, as the format wants."""
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = f"id: {event_id.translate(_BREAKS)}\nevent: {name.translate(_BREAKS)}\n"
    return head + "".join(f"data: {line}\n" for line in lines) + "\n"
