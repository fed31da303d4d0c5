"""Handlers that stream."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]

HEAD = {"statusCode": 200, "headers": {"Content-Type": "text/event-stream", "X-Kind": "stream"}}


def _asked(event: Event) -> Event:
    # Behind the gateway the wishes stand in the query, else in the event itself.
    return event.get("queryStringParameters") or event


def count(event: Event, _context: Any) -> Iterator[Event | str]:
    """Count up, each number with the time it was written; leave a mark at the end."""
    asked = _asked(event)
    yield HEAD
    for number in range(int(asked.get("numbers", 3))):
        yield f"data: {number} {time.time()}\n\n"
        time.sleep(float(asked.get("pause", 0)))
    if "mark" in asked:
        Path(asked["mark"]).write_text("finished")


def refuse(_event: Event, _context: Any) -> Iterator[Event]:
    """Raise before the head."""
    raise LookupError("nothing to stream with api_key=hunter2")
    yield HEAD


def break_off(_event: Event, _context: Any) -> Iterator[Event | str]:
    """Raise in the middle."""
    yield HEAD
    yield "data: half\n\n"
    raise LookupError("the other half is missing")


def crash(_event: Event, _context: Any) -> Iterator[Event | str]:
    """End the process in the middle."""
    yield HEAD
    yield "data: half\n\n"
    os._exit(9)


def flood(event: Event, _context: Any) -> Iterator[Event | bytes]:
    """Write as many megabytes as wished."""
    asked = _asked(event)
    yield HEAD
    for _ in range(int(asked["megabytes"])):
        yield bytes(1024 * 1024)
    if "mark" in asked:
        Path(asked["mark"]).write_text("finished")


def headless(_event: Event, _context: Any) -> Iterator[str]:
    """Forget the head."""
    yield "data: no head\n\n"


def plain(_event: Event, _context: Any) -> Event:
    """Do not stream at all."""
    return {"trace": os.environ["_X_AMZN_TRACE_ID"], "pid": os.getpid()}
