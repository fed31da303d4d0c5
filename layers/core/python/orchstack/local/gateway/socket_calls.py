"""What the functions behind a WebSocket API are called with, and what follows from their answers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from orchstack.kernel.plain import JsonObject
from orchstack.local.functions import (
    FunctionService,
    PayloadTooBig,
    Result,
    TooManyRequests,
)
from orchstack.local.gateway.authorizer import Authorizers
from orchstack.local.gateway.connections import Connection
from orchstack.local.gateway.events import (
    Event,
    forwarded,
    header_fields,
    identity,
    moment,
    query_fields,
)
from orchstack.local.gateway.model import SocketApi, SocketRoute
from orchstack.local.gateway.refusal import Refused
from orchstack.local.gateway.responses import answer_headers

_CONNECT, _DISCONNECT, _DEFAULT = "$connect", "$disconnect", "$default"
_EVENT_TYPES = {_CONNECT: "CONNECT", _DISCONNECT: "DISCONNECT"}


class SocketCalls:
    """Calls the functions of one WebSocket API."""

    def __init__(self, api: SocketApi, functions: FunctionService) -> None:
        self._api = api
        self._functions = functions
        self._routes = {route.key: _uncached(route) for route in api.routes}
        self._authorizers = Authorizers(functions)

    def context(self, request: web.Request) -> Event:
        """Build what the events of one connection have in common."""
        return {
            "apiId": self._api.id,
            "domainName": request.host,
            "identity": identity(request),
            "messageDirection": "IN",
            "stage": self._api.stage,
        }

    async def connect(self, request: web.Request, connection: Connection) -> tuple[str, ...]:
        """Ask the authorizer and the $connect function; gives the subprotocol they choose, if any.

        Raises Refused with the status the handshake fails with.
        """
        route = self._routes.get(_CONNECT)
        if route is None:
            return ()
        event = {
            **header_fields(forwarded(request)),
            **query_fields(request),
            **self._event(connection, _CONNECT),
        }
        if route.authorizer is not None:
            granted = await self._authorizers.authorize(
                route.authorizer, event, self._connect_arn()
            )
            connection.context["authorizer"] = granted
            event["requestContext"]["authorizer"] = granted
        answer = _answer(await self._invoke(route, event))
        status = int(answer.get("statusCode", HTTPStatus.OK))
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Refused("ACCESS_DENIED", HTTPStatus(status).phrase, status=status)
        chosen = answer_headers(answer).get("Sec-WebSocket-Protocol")
        return (chosen,) if chosen else ()

    async def message(self, connection: Connection, body: str) -> None:
        """Hand a client's message to its route; the client hears what goes wrong."""
        key = self._route_key(body)
        event = {**self._event(connection, key), "body": body}
        event["requestContext"]["messageId"] = secrets.token_urlsafe(11) + "="
        reply = await self._replied(key, event)
        # A client that left in the meantime needs no reply.
        with suppress(ConnectionError):
            if isinstance(reply, str):
                await connection.send(reply.encode())
            elif reply is not None:
                ids = {"connectionId": connection.id, **_request_id(event)}
                await connection.send(json.dumps({"message": str(reply), **ids}).encode())

    async def disconnect(self, connection: Connection, code: int, reason: str) -> None:
        """Tell the $disconnect function; nobody waits for what it says."""
        route = self._routes.get(_DISCONNECT)
        if route is None:
            return
        event = self._event(connection, _DISCONNECT)
        event["headers"] = {"Host": connection.context["domainName"]}
        event["requestContext"].update(disconnectStatusCode=code, disconnectReason=reason)
        with suppress(Refused):
            await self._invoke(route, event)

    async def _replied(self, key: str, event: Event) -> str | _Trouble | None:
        route = self._routes.get(key)
        if route is None:
            return _Trouble("Forbidden")
        try:
            answer = _answer(await self._invoke(route, event))
        except Refused:
            return _Trouble("Internal server error")
        body = answer.get("body")
        return body if route.answers and isinstance(body, str) else None

    async def _invoke(self, route: SocketRoute, event: Event) -> Result:
        try:
            async with asyncio.timeout(route.timeout_s):
                return await self._functions.invoke(route.function_name, json.dumps(event).encode())
        except TimeoutError as error:
            raise Refused("INTEGRATION_TIMEOUT") from error
        except TooManyRequests as error:
            raise Refused("THROTTLED") from error
        except PayloadTooBig as error:
            raise Refused("REQUEST_TOO_LARGE") from error

    def _event(self, connection: Connection, key: str) -> Event:
        route = {"routeKey": key, "eventType": _EVENT_TYPES.get(key, "MESSAGE")}
        return {
            "requestContext": {**moment(), **connection.context, **route},
            "stageVariables": dict(self._api.stage_variables) or None,
            "isBase64Encoded": False,
        }

    def _route_key(self, body: str) -> str:
        # $request.body.action, or ${request.body.action}
        path = self._api.selection.strip("${}").removeprefix("request.body.").split(".")
        try:
            value = json.loads(body)
            for name in path:
                value = value[name]
        except (ValueError, LookupError, TypeError):
            return _DEFAULT
        # A message never selects $connect or $disconnect: those are the gateway's own to call.
        chosen = isinstance(value, str) and value in self._routes and not value.startswith("$")
        return value if chosen else _DEFAULT

    def _connect_arn(self) -> str:
        api = self._api
        where = f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.id}"
        return f"{where}/{api.stage}/{_CONNECT}"


class _Trouble(Exception):
    """Why a message was not answered, in the words of API Gateway."""


def _uncached(route: SocketRoute) -> SocketRoute:
    # WebSocket APIs do not remember what an authorizer said; they ask once a connection.
    if route.authorizer is None:
        return route
    return replace(route, authorizer=replace(route.authorizer, ttl_s=0))


def _answer(result: Result) -> JsonObject:
    if result.error is not None:
        raise Refused("DEFAULT_5XX")
    answer = json.loads(result.payload)
    return answer if isinstance(answer, dict) else {}


def _request_id(event: Event) -> dict[str, str]:
    return {"requestId": event["requestContext"]["requestId"]}
