"""The REST API: route, authorize, invoke, answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from orchstack.local.functions import (
    FunctionService,
    PayloadTooBig,
    Result,
    Stream,
    TooManyRequests,
)
from orchstack.local.gateway.authorizer import Authorizers
from orchstack.local.gateway.events import Event, body_fields, rest_context, rest_event
from orchstack.local.gateway.model import RestApi, RestRoute
from orchstack.local.gateway.refusal import Refusals, Refused
from orchstack.local.gateway.responses import mock_answer, whole_answer
from orchstack.local.gateway.routing import Router
from orchstack.local.gateway.streaming import relay

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_HEAD_BYTES = 10_240


@dataclass(frozen=True)
class _Call:
    """A request that has found its route."""

    route: RestRoute
    parameters: dict[str, str]
    path: str
    context: Event


class RestEdge:
    """Serves one REST API."""

    def __init__(self, api: RestApi, functions: FunctionService) -> None:
        self._api = api
        self._functions = functions
        self._router = Router(api.routes)
        self._refusals = Refusals(api.responses)
        self._authorizers = Authorizers(functions)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        path = self._without_stage(request.raw_path.partition("?")[0])
        match = self._router.match(request.method, path)
        context = rest_context(self._api, match[0] if match else None, request)
        try:
            _check_head(request)
            response = await self._answer(request, _call(match, path, context))
        except Refused as refused:
            response = self._refusals.response(refused, context, request.headers)
        if not response.prepared:
            response.headers.update(_common(context))
        return response

    async def _answer(self, request: web.Request, call: _Call) -> web.StreamResponse:
        if call.route.mock is not None:
            return mock_answer(call.route.mock)
        event = await self._event(request, call)
        deadline = asyncio.get_running_loop().time() + call.route.timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                outcome = await self._invoke(call.route, event)
        except TimeoutError as error:
            raise Refused("INTEGRATION_TIMEOUT") from error
        except TooManyRequests as error:
            raise Refused("THROTTLED") from error
        except PayloadTooBig as error:
            raise Refused("REQUEST_TOO_LARGE") from error
        if isinstance(outcome, Stream):
            return await relay(request, outcome, deadline, _common(call.context))
        if call.route.streaming:
            # An error, or an answer without the head that API Gateway looks for.
            raise Refused("DEFAULT_5XX")
        return whole_answer(outcome, self._api, request.headers.get("Accept", ""))

    async def _event(self, request: web.Request, call: _Call) -> Event:
        event = rest_event(
            self._api,
            call.route,
            request,
            path=call.path,
            parameters=call.parameters,
            context=call.context,
        )
        if call.route.authorizer is not None:
            call.context["authorizer"] = await self._authorizers.authorize(
                call.route.authorizer, event, self._method_arn(request.method, call.path)
            )
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise Refused("REQUEST_TOO_LARGE") from error
        return {**event, **body_fields(self._api, request, body)}

    async def _invoke(self, route: RestRoute, event: Event) -> Result | Stream:
        payload = json.dumps(event).encode()
        trace_id = event["headers"]["X-Amzn-Trace-Id"]
        if route.streaming:
            return await self._functions.invoke_streaming(
                route.function_name, payload, trace_id=trace_id
            )
        return await self._functions.invoke(route.function_name, payload, trace_id=trace_id)

    def _without_stage(self, path: str) -> str:
        # The address of a stage carries its name; that of a custom domain does not. Both work.
        prefix = f"/{quote(self._api.stage)}/"
        return path[len(prefix) - 1 :] if path.startswith(prefix) else path

    def _method_arn(self, method: str, path: str) -> str:
        api = self._api
        where = f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.id}"
        return f"{where}/{api.stage}/{method}/{path.removeprefix('/')}"


def _call(match: tuple[RestRoute, dict[str, str]] | None, path: str, context: Event) -> _Call:
    if match is None:
        raise Refused("MISSING_AUTHENTICATION_TOKEN")
    return _Call(*match, path, context)


def _check_head(request: web.Request) -> None:
    values = sum(len(value) for _, value in request.raw_headers)
    if len(request.raw_path) + values > _MAX_HEAD_BYTES:
        raise Refused("REQUEST_TOO_LARGE")


def _common(context: Event) -> dict[str, str]:
    return {
        "x-amzn-RequestId": context["requestId"],
        "x-amz-apigw-id": context["extendedRequestId"],
    }
