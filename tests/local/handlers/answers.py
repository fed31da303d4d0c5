"""Handlers that answer whole, and those that do not come to it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class OutOfStock(Exception):
    """An error type of the function's own."""


def echo(event: Any, _context: Any) -> Any:
    """Give the event back."""
    return event


def describe(_event: Event, context: Any) -> Event:
    """Tell where and as whom the function runs."""
    return {
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "pid": os.getpid(),
        "remaining_ms": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
    }


def fail(event: Event, _context: Any) -> None:
    """Raise."""
    raise OutOfStock(event["message"])


def leave(event: Event, _context: Any) -> None:
    """End the process with a status."""
    os._exit(event["status"])


def die(_event: Event, _context: Any) -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(event: Event, _context: Any) -> Event:
    """Take some time."""
    time.sleep(event["seconds"])
    return {"pid": os.getpid(), "order": event.get("order")}


def swell(event: Event, _context: Any) -> int:
    """Take a lot of memory, then some time."""
    block = b"x" * event["bytes"]
    time.sleep(5)
    return len(block)


def fill(event: Event, _context: Any) -> str:
    """Answer with many bytes."""
    return "x" * int(event["bytes"])


def speak(event: Event, _context: Any) -> None:
    """Print lines."""
    for line in event["lines"]:
        print(line)  # noqa: T201 - what a function prints is its log
