"""Sends the traces of ended runs to the operator's collector, where one is set."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.queues import again, deliveries
from orchstack.wiring.outcomes import exporter


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Send a batch at once; the queue delivers again what was not taken."""
    return again(exporter().take_in(deliveries(event)))
