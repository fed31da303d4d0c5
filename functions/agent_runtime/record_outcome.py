"""Keeps what became of each run, from a queue of RunCompleted and RunFailed events."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.queues import again, deliveries
from orchstack.wiring.agent_runtime import outcomes


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Take each event in once; the queue delivers again what could not be taken in."""
    return again(outcomes().take_in(deliveries(event)))
