"""The decorator that makes a Lambda handler of a function which takes a Request."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache, wraps
from typing import Any, TypeVar

from pydantic import BaseModel

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.idempotency import PostgresAnswers
from orchstack.kernel.endpoint import EndpointFactory
from orchstack.kernel.exchange import Call, Shared
from orchstack.kernel.http import Operation
from orchstack.kernel.invocation import LambdaContext
from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.kernel.settings import EventSettings, load
from orchstack.wiring.database import database

BodyT = TypeVar("BodyT", bound=BaseModel)
QueryT = TypeVar("QueryT", bound=BaseModel)
Handler = Callable[[JsonMapping, LambdaContext], Any]


def endpoint(
    operation: Operation[BodyT, QueryT],
) -> Callable[[Call[BodyT, QueryT]], Handler]:
    """Decorate the handler of an operation; a streaming one becomes a generator.

    What requests share is built on the first one, so that importing a handler reads no environment.
    """

    def decorate(call: Call[BodyT, QueryT]) -> Handler:
        @wraps(call)
        def answer(event: JsonMapping, context: LambdaContext) -> JsonObject:
            return factory().answer(operation, call, event, context)

        @wraps(call)
        def stream(
            event: JsonMapping, context: LambdaContext
        ) -> Generator[JsonObject | str, None, None]:
            yield from factory().stream(operation, call, event, context)

        return stream if operation.streaming else answer

    return decorate


@cache
def factory() -> EndpointFactory:
    """What all requests of this function share."""
    from orchstack.wiring.control_plane import gate

    return EndpointFactory(
        Shared(
            gate=gate(),
            answers=PostgresAnswers(database()),
            database=database(),
            clock=SystemClock(),
            nudge=_nudge,
        )
    )


def _nudge() -> None:
    """Wake the relay, where there is one to wake; its minute sweep covers the rest."""
    if load(EventSettings).nudge_queue_url is None:
        return
    from orchstack.wiring.event_bus import nudge

    nudge().nudge()
