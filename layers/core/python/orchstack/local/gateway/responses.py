"""What functions answer, turned into HTTP: whole proxy answers and heads of streams."""

from __future__ import annotations

import base64
import binascii
import json

from aiohttp import web
from multidict import CIMultiDict

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.functions import Result
from orchstack.local.gateway.events import is_binary
from orchstack.local.gateway.model import MockAnswer, RestApi
from orchstack.local.gateway.refusal import Refused

# The gateway frames its answers itself.
_OWN_HEADERS = ("Connection", "Content-Length", "Keep-Alive", "Transfer-Encoding")
_JSON = "application/json"


def whole_answer(result: Result, api: RestApi, accept: str) -> web.Response:
    """Turn a proxy answer into a response; an error or a malformed answer is Refused (502).

    A Base64 body is decoded if the first type the client accepts is one of the API's binary types.
    """
    answer = _document(result)
    body = answer.get("body")
    if not isinstance(body, str | None):
        raise Refused("DEFAULT_5XX")
    data = (body or "").encode()
    if answer.get("isBase64Encoded") and is_binary(api, _first_type(accept)):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise Refused("DEFAULT_5XX") from error
    headers = answer_headers(answer)
    headers.setdefault("Content-Type", _JSON)
    return web.Response(status=answer_status(answer), body=data, headers=headers)


def mock_answer(mock: MockAnswer) -> web.Response:
    """Answer as a MOCK integration does."""
    return web.Response(status=mock.status, body=mock.body.encode(), headers=mock.headers)


def answer_status(answer: JsonMapping) -> int:
    """Read the status of an answer or a stream's head, or raise Refused (502)."""
    status = answer.get("statusCode")
    try:
        return int(status)  # type: ignore[arg-type] # anything but a number is refused
    except (TypeError, ValueError) as error:
        raise Refused("DEFAULT_5XX") from error


def answer_headers(answer: JsonMapping) -> CIMultiDict[str]:
    """Merge `headers`, `multiValueHeaders` and `cookies`, or raise Refused (502)."""
    pairs = [
        (name, value)
        for name, values in _mapping(answer, "multiValueHeaders").items()
        for value in values
    ]
    pairs += [pair for pair in _mapping(answer, "headers").items() if pair not in pairs]
    pairs += [("Set-Cookie", cookie) for cookie in answer.get("cookies") or ()]
    texts = ((name, _text(value)) for name, value in pairs)
    return CIMultiDict(pair for pair in texts if pair[0].title() not in _OWN_HEADERS)


def _mapping(answer: JsonMapping, name: str) -> JsonObject:
    value = answer.get(name) or {}
    if not isinstance(value, dict):
        raise Refused("DEFAULT_5XX")
    return value


def _text(value: object) -> str:
    if isinstance(value, dict | list):
        raise Refused("DEFAULT_5XX")
    return value if isinstance(value, str) else json.dumps(value)


def _document(result: Result) -> JsonObject:
    if result.error is not None:
        raise Refused("DEFAULT_5XX")
    try:
        answer = json.loads(result.payload)
    except ValueError as error:
        raise Refused("DEFAULT_5XX") from error
    if not isinstance(answer, dict):
        raise Refused("DEFAULT_5XX")
    return answer


def _first_type(accept: str) -> str:
    return accept.partition(",")[0].partition(";")[0].strip()
