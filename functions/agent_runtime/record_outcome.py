"""Keeps what became of each run, from a queue of the events that tell of ends."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.queues import again, deliveries
from orchstack.wiring.outcomes import record


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Take each event in once; the queue delivers again what could not be taken in."""
    return again(record(deliveries(event)))
