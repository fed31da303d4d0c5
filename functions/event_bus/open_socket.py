"""WebSocket $connect: lets a client with the scope `events:read` listen to its tenant's events."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal
from orchstack.wiring.event_bus import opening


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Remember the connection under the principal's tenant; 403 refuses it."""
    context = event["requestContext"]
    principal = Principal.model_validate_json(context["authorizer"]["principal"])
    opened = opening().open(context["connectionId"], principal)
    return {"statusCode": 200 if opened else 403}
