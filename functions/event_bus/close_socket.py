"""WebSocket $disconnect: forgets the client."""

from __future__ import annotations

from typing import Any

from orchstack.wiring.event_bus import listening


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Forget the connection."""
    listening().close(event["requestContext"]["connectionId"])
    return {"statusCode": 200}
