"""Gives the OpenAPI description of the API and the JSON Schema of an agent's document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache

from orchstack.control_plane.api import DESCRIBE_AGENTS, DESCRIBE_API
from orchstack.kernel.gateway import COMMON_HEADERS
from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.wiring.openapi import agent_schema, describe

_DOCUMENTS: Mapping[str, Callable[[], JsonObject]] = {
    DESCRIBE_API.path: describe,
    DESCRIBE_AGENTS.path: agent_schema,
}


def handler(event: JsonMapping, _context: object) -> JsonObject:
    """Answer with the document of the route; it is the same for everybody and for long."""
    return {
        "statusCode": 200,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "public, max-age=300",
            "X-Request-Id": event["requestContext"]["requestId"],
            **COMMON_HEADERS,
        },
        "body": _text(event["resource"]),
        "isBase64Encoded": False,
    }


@cache
def _text(route: str) -> str:
    return json.dumps(_DOCUMENTS[route](), ensure_ascii=False, separators=(",", ":"))
