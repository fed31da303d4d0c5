"""Errors as problem documents (RFC 9457); the one place where they are written."""

from __future__ import annotations

import json
import math

from orchstack.kernel.errors import MAX_FAULTS, OrchStackError
from orchstack.kernel.plain import JsonObject

CONTENT_TYPE = "application/problem+json"


def problem(error: OrchStackError, *, instance: str, request_id: str) -> JsonObject:
    """Describe an error to the caller; `instance` is the path of the request."""
    document: JsonObject = {
        "type": f"urn:orchstack:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
    }
    if error.faults:
        document["faults"] = error.faults[:MAX_FAULTS]
    return document


def render(error: OrchStackError, *, instance: str, request_id: str) -> str:
    """Write the problem document as JSON text."""
    return json.dumps(problem(error, instance=instance, request_id=request_id))


def headers(error: OrchStackError) -> dict[str, str]:
    """The headers an error brings: its content type, its own, and Retry-After in whole seconds."""
    given = {"Content-Type": CONTENT_TYPE, **error.headers}
    if error.retry_after_s is not None:
        given["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if error.status == 401:  # noqa: PLR2004 - RFC 9110 §11.6.1 ties this header to this number
        given["WWW-Authenticate"] = "Bearer"
    return given
