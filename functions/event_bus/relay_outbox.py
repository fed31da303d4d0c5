"""Relays the outbox to EventBridge: woken by a nudge on its queue, and by a minute schedule.

The schedule also clears away stored answers and inbox lines that have served their time.
"""

from __future__ import annotations

from orchstack.kernel.invocation import LambdaContext, deadline_of
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.queues import again, deliveries
from orchstack.wiring.database import sweep_database
from orchstack.wiring.event_bus import relay


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Drain the outbox; a nudge comes again if the bus refused an entry for now."""
    drained = relay().drain(deadline=deadline_of(context))
    if event.get("sweep"):
        sweep_database()
    nudges = deliveries(event) if drained.deferred else []
    return again(nudge.message_id for nudge in nudges)
