"""API Gateway's side of HTTP: REST proxy events (payload format 1.0) in, proxy answers out.

The format is AWS's: https://docs.aws.amazon.com/apigateway/latest/developerguide/
set-up-lambda-proxy-integrations.html.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from orchstack.kernel.errors import InvalidRequest, Unauthenticated
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.kernel.tenancy import Principal

Event = JsonMapping

# What every answer carries, whether a function gives it or the gateway itself.
COMMON_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, "
    "Idempotency-Replayed, OrchStack-Run-Id, OrchStack-Next-Cursor, Content-Disposition",
}
UNCACHED: Final = {"Cache-Control": "no-store"}

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_XRAY_ROOT = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")
_REQUEST_ID = re.compile(r"^[\w-]{1,64}$")


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """An event, read but not yet judged."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    path_parameters: Mapping[str, str]
    request_id: str
    trace_id: str
    event: Event

    def body(self) -> bytes:
        """The body's bytes; raises InvalidRequest where base64 was promised and is not there."""
        text = self.event.get("body") or ""
        if not self.event.get("isBase64Encoded"):
            return str(text).encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("The body is not valid base64; send it as it is.") from None

    def principal(self) -> Principal:
        """The caller the authorizer verified; raises Unauthenticated if there is none."""
        context = self.event.get("requestContext") or {}
        text = (context.get("authorizer") or {}).get("principal")
        if not isinstance(text, str):
            raise Unauthenticated
        try:
            return Principal.model_validate_json(text)
        except ValidationError:
            raise Unauthenticated from None


def read(event: Event) -> Incoming:
    """Read an event; header names become lower-case."""
    headers = _headers(event)
    context = event.get("requestContext") or {}
    return Incoming(
        method=str(event.get("httpMethod", "GET")).upper(),
        # As the client sent it: `path` of the event lacks the stage where the address carries one.
        path=str(context.get("path") or event.get("path", "/")),
        headers=headers,
        query=_query(event),
        path_parameters=event.get("pathParameters") or {},
        request_id=_request_id(context.get("requestId")),
        trace_id=_trace_id(headers),
        event=event,
    )


def answer(status: int, headers: Mapping[str, str], body: str) -> JsonObject:
    """Make a proxy answer."""
    return {
        "statusCode": status,
        "headers": dict(headers),
        "body": body,
        "isBase64Encoded": False,
    }


def _headers(event: Event) -> dict[str, str]:
    single = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    repeated = event.get("multiValueHeaders") or {}
    joined = {name.lower(): ", ".join(map(str, values)) for name, values in repeated.items()}
    return {**single, **joined}


def _query(event: Event) -> dict[str, tuple[str, ...]]:
    repeated = event.get("multiValueQueryStringParameters")
    if repeated:
        return {name: tuple(values) for name, values in repeated.items()}
    single = event.get("queryStringParameters") or {}
    return {name: (value,) for name, value in single.items()}


def _request_id(given: object) -> str:
    text = str(given or "")
    return text if _REQUEST_ID.match(text) else str(new_id())


def _trace_id(headers: Mapping[str, str]) -> str:
    """The W3C trace id: the caller's, else X-Ray's, else a new one (32 hex digits)."""
    if match := _TRACEPARENT.match(headers.get("traceparent", "")):
        return match[1]
    if match := _XRAY_ROOT.search(headers.get("x-amzn-trace-id", "")):
        return match[1] + match[2]
    return secrets.token_hex(16)
