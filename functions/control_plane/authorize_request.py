"""Lets a REST request or a WebSocket connection in by its API key (Lambda authorizer)."""

from __future__ import annotations

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.wiring.control_plane import authenticator

_SCHEME = "bearer "


def handler(event: JsonMapping, _context: object) -> JsonObject:
    """Allow the whole stage, since API Gateway keeps the answer for other routes too."""
    principal = authenticator().authenticate(_presented_key(event))
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/*"}
    return {
        "principalId": str(principal.key_id),
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"principal": principal.model_dump_json()},
    }


def _presented_key(event: JsonMapping) -> str | None:
    """The key of `Authorization: Bearer`, or of `?key=` where a browser opens a WebSocket."""
    given = [
        str(value)
        for name, values in (event.get("multiValueHeaders") or {}).items()
        if name.lower() == "authorization"
        for value in values
    ]
    if len(given) == 1 and given[0].lower().startswith(_SCHEME):
        return given[0][len(_SCHEME) :].strip()
    if not given and "connectionId" in event.get("requestContext", {}):
        return (event.get("queryStringParameters") or {}).get("key")
    return None
