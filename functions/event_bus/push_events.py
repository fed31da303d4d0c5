"""Pushes the bus's events, taken from a queue, to the WebSocket clients of their tenant."""

from __future__ import annotations

from typing import Any

from orchstack.event_bus.model import Delivery
from orchstack.wiring.event_bus import pushing


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Push each event; the queue delivers again what could not be pushed."""
    deliveries = [Delivery(record["messageId"], record["body"]) for record in event["Records"]]
    failed = pushing().push(deliveries)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
