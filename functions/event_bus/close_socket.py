"""WebSocket $disconnect: forgets the client."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.wiring.event_bus import listening


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Forget the connection."""
    listening().close(event["requestContext"]["connectionId"])
    return {"statusCode": 200}
