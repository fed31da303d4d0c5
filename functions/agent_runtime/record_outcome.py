"""Keeps what became of each run, from a queue of RunCompleted and RunFailed events."""

from __future__ import annotations

from typing import Any

from orchstack.agent_runtime.service.outcomes import Delivery
from orchstack.wiring.agent_runtime import outcomes


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take each event in once; the queue delivers again what could not be taken in."""
    deliveries = [Delivery(record["messageId"], record["body"]) for record in event["Records"]]
    failed = outcomes().take_in(deliveries)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
