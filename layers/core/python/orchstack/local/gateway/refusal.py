"""The errors API Gateway answers by itself, worded by the template's gateway responses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from orchstack.kernel.plain import JsonMapping
from orchstack.local.gateway.model import GatewayResponse

_DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
_JSON = "application/json"
_PATH = r"context\.(\w+(?:\.\w+)*)"
_VARIABLE = re.compile(rf"\$!?(?:{_PATH}|\{{{_PATH}\}})")


class _Kind(NamedTuple):
    status: int
    message: str | None
    error_type: str


_KINDS = {
    "ACCESS_DENIED": _Kind(
        403, "User is not authorized to access this resource", "AccessDeniedException"
    ),
    "AUTHORIZER_CONFIGURATION_ERROR": _Kind(500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": _Kind(500, None, "AuthorizerFailureException"),
    "DEFAULT_5XX": _Kind(502, "Internal server error", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": _Kind(504, "Endpoint request timed out", "InternalServerErrorException"),
    "MISSING_AUTHENTICATION_TOKEN": _Kind(
        403, "Missing Authentication Token", "MissingAuthenticationTokenException"
    ),
    "REQUEST_TOO_LARGE": _Kind(413, "Request Too Long", "RequestTooLargeException"),
    "THROTTLED": _Kind(429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": _Kind(401, "Unauthorized", "UnauthorizedException"),
}


class Refused(Exception):
    """The gateway answers by itself; `kind` is the type of gateway response.

    A failed integration has no type of its own and is worded by DEFAULT_5XX, with the status 502.
    """

    def __init__(self, kind: str, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status = status or _KINDS[kind].status
        self.message = message or _KINDS[kind].message
        self.error_type = _KINDS[kind].error_type


class Refusals:
    """Words refusals as the API's gateway responses say."""

    def __init__(self, responses: Iterable[GatewayResponse]) -> None:
        self._responses = {response.kind: response for response in responses}

    def response(
        self, refused: Refused, context: JsonMapping, headers: Mapping[str, str]
    ) -> web.Response:
        """Word a refusal; `context` is the request's context, `headers` those of the request."""
        chosen = self._chosen(refused)
        known = {**context, "error": _error(refused)}
        content_type, template = next(iter(chosen.templates.items()), (_JSON, _DEFAULT_TEMPLATE))
        answer = {"Content-Type": content_type, "x-amzn-ErrorType": refused.error_type}
        for name, expression in chosen.headers.items():
            answer[name] = _mapped(expression, known, headers)
        body = _VARIABLE.sub(lambda found: _text(_lookup(known, found[1] or found[2])), template)
        return web.Response(
            status=chosen.status or refused.status, body=body.encode(), headers=answer
        )

    def _chosen(self, refused: Refused) -> GatewayResponse:
        server_error = refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        default = "DEFAULT_5XX" if server_error else "DEFAULT_4XX"
        own = self._responses.get(refused.kind) or self._responses.get(default)
        return own or GatewayResponse(kind=refused.kind)


def _error(refused: Refused) -> dict[str, str]:
    return {
        "message": refused.message or "null",
        "messageString": json.dumps(refused.message),
        "responseType": refused.kind,
    }


def _mapped(expression: str, context: JsonMapping, headers: Mapping[str, str]) -> str:
    if expression.startswith("'"):
        return expression.strip("'")
    source, _, name = expression.partition(".")
    if source == "context":
        return _text(_lookup(context, name))
    return headers.get(expression.removeprefix("method.request.header."), "")


def _lookup(context: JsonMapping, path: str) -> object:
    value: object = context
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> str:
    return "" if value is None else str(value)
