"""Pushes the bus's events, taken from a queue, to the WebSocket clients of their tenant."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.queues import again, deliveries
from orchstack.wiring.event_bus import pushing


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Push each event; the queue delivers again what could not be pushed."""
    return again(pushing().push(deliveries(event)))
