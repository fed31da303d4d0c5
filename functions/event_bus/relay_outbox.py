"""Relays the outbox to EventBridge: woken by a nudge on its queue, and by a minute schedule.

The schedule also clears away stored answers and inbox lines that have served their time.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from orchstack.wiring.database import sweep_database
from orchstack.wiring.event_bus import relay


class Context(Protocol):
    """What Lambda tells of the invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Drain the outbox; a nudge comes again if the bus refused an entry for now."""
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000
    drained = relay().drain(deadline=deadline)
    if event.get("sweep"):
        sweep_database()
    again = event.get("Records", []) if drained.deferred else []
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in again]}
