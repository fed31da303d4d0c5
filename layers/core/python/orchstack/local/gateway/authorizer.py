"""Lambda authorizers of the REQUEST type: who may call what, remembered for a while.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.functions import FunctionService, Result, TooManyRequests, new_trace_id
from orchstack.local.gateway.events import Event
from orchstack.local.gateway.model import AuthorizerSpec
from orchstack.local.gateway.policy import InvalidPolicy, Verdict, evaluate
from orchstack.local.gateway.refusal import Refused

_MOST_REMEMBERED = 10_000


class _Grant(NamedTuple):
    policy: JsonMapping
    context: JsonObject
    expires: float


class Authorizers:
    """Asks the authorizers of one API; each answer counts for its identity until its TTL ends."""

    def __init__(self, functions: FunctionService) -> None:
        self._functions = functions
        self._grants: dict[tuple[str, tuple[str, ...]], _Grant] = {}

    async def authorize(self, spec: AuthorizerSpec, event: Event, method_arn: str) -> Event:
        """Give the authorizer's context for the request context, or raise Refused.

        A request that lacks an identity source is refused without asking.
        """
        identity = _identity(spec, event)
        grant = self._grants.get((spec.id, identity))
        latency_ms = 0
        if grant is None or grant.expires <= time.monotonic():
            started = time.monotonic()
            grant = await self._ask(spec, event, method_arn)
            latency_ms = int((time.monotonic() - started) * 1000)
            self._remember(spec, identity, grant)
        _check(grant.policy, method_arn)
        return {**grant.context, "integrationLatency": latency_ms}

    async def _ask(self, spec: AuthorizerSpec, event: Event, method_arn: str) -> _Grant:
        question = {"type": "REQUEST", "methodArn": method_arn, **event}
        trace_id = event["headers"].get("X-Amzn-Trace-Id") or new_trace_id()
        try:
            result = await self._functions.invoke(
                spec.function_name, json.dumps(question).encode(), trace_id=trace_id
            )
        except TooManyRequests as error:
            raise Refused("AUTHORIZER_FAILURE") from error
        return _granted(result, spec.ttl_s)

    def _remember(self, spec: AuthorizerSpec, identity: tuple[str, ...], grant: _Grant) -> None:
        if spec.ttl_s <= 0:
            return
        self._grants[spec.id, identity] = grant
        if len(self._grants) > _MOST_REMEMBERED:
            now = time.monotonic()
            alive = [(key, kept) for key, kept in self._grants.items() if kept.expires > now]
            self._grants = dict(alive[-_MOST_REMEMBERED // 2 :])


def _identity(spec: AuthorizerSpec, event: Event) -> tuple[str, ...]:
    values = tuple(_source(expression, event) for expression in spec.identity_sources)
    if not all(values):
        raise Refused("UNAUTHORIZED")
    return values


def _source(expression: str, event: Event) -> str:
    # method.request.header.Name | route.request.querystring.name | context.x | stageVariables.x
    place, _, name = expression.removeprefix("method.request.").rpartition(".")
    place = place.removeprefix("route.request.")
    fields = {
        "header": "headers",
        "querystring": "queryStringParameters",
        "context": "requestContext",
        "stageVariables": "stageVariables",
    }
    values = event.get(fields[place]) or {}
    if place == "header":
        values = {key.lower(): value for key, value in values.items()}
        name = name.lower()
    return str(values.get(name) or "")


def _granted(result: Result, ttl_s: int) -> _Grant:
    answer = json.loads(result.payload)
    if result.error is not None:
        unauthorized = answer.get("errorMessage") == "Unauthorized"
        raise Refused("UNAUTHORIZED" if unauthorized else "AUTHORIZER_FAILURE")
    match answer:
        case {"principalId": principal, "policyDocument": dict() as policy}:
            context = {"principalId": principal, **_strings(answer.get("context") or {})}
            return _Grant(policy, context, time.monotonic() + ttl_s)
    raise Refused("AUTHORIZER_CONFIGURATION_ERROR")


def _strings(context: JsonMapping) -> dict[str, str]:
    # API Gateway hands on strings, and takes no objects or lists.
    if any(isinstance(value, dict | list) for value in context.values()):
        raise Refused("AUTHORIZER_CONFIGURATION_ERROR")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in context.items()
        if value is not None
    }


def _check(policy: JsonMapping, method_arn: str) -> None:
    try:
        verdict = evaluate(policy, method_arn)
    except InvalidPolicy as error:
        raise Refused("AUTHORIZER_CONFIGURATION_ERROR") from error
    if verdict is Verdict.FORBIDDEN:
        explicit = "User is not authorized to access this resource with an explicit deny"
        raise Refused("ACCESS_DENIED", explicit)
    if verdict is Verdict.DENIED:
        raise Refused("ACCESS_DENIED")
