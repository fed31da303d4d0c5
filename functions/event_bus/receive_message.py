"""WebSocket $default: answers `ping`, and takes what event types the client wants to hear."""

from __future__ import annotations

import json

from orchstack.kernel.plain import JsonObject
from orchstack.wiring.event_bus import listening


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Do what the message asks; the answer goes back over the route's response."""
    connection_id = event["requestContext"]["connectionId"]
    answer = listening().receive(connection_id, event.get("body") or "")
    return {"statusCode": 200, "body": json.dumps(answer)}
