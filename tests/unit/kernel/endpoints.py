"""A small service behind endpoints, over in-memory parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from orchstack.kernel.clock import ManualClock
from orchstack.kernel.db.session import Connection, Database
from orchstack.kernel.endpoint import EndpointFactory
from orchstack.kernel.exchange import Given, Shared
from orchstack.kernel.http import (
    Answer,
    Idempotency,
    NoBody,
    NoQuery,
    Operation,
    Request,
)
from orchstack.kernel.idempotency import InMemoryAnswers
from orchstack.kernel.tenancy import Principal, Scope
from tests import make

LIMITS = {"RateLimit": '"tenant";r=9;t=1', "RateLimit-Policy": '"tenant";q=10;w=1'}


class Thing(BaseModel):
    """What the service makes."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=20)]
    size: int = 1
    parts: tuple[str, ...] = ()
    extra: dict[str, Any] = {}


class Filter(BaseModel):
    """The query of the listing."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=10)] = 5
    name: str | None = None


MAKE = Operation(
    id="make_thing",
    method="POST",
    path="/v1/shelves/{shelf}/things",
    summary="Make a thing.",
    function="tests/make_thing",
    scope=Scope.AGENTS_WRITE,
    body=Thing,
    query=NoQuery,
    response=Thing,
    status=201,
    idempotency=Idempotency.TRANSACTION,
    path_pattern={"shelf": "[a-z]+"},
    max_body_bytes=2_000,
)
LIST = Operation(
    id="list_things",
    method="GET",
    path="/v1/things",
    summary="List things.",
    function="tests/list_things",
    scope=Scope.AGENTS_READ,
    body=NoBody,
    query=Filter,
    response=Thing,
)
HEALTH = Operation(
    id="health",
    method="GET",
    path="/healthz",
    summary="Health.",
    function="tests/health",
    scope=None,
    body=NoBody,
    query=NoQuery,
    response=Thing,
)
WATCH = Operation(
    id="watch",
    method="GET",
    path="/v1/watch",
    summary="Watch.",
    function="tests/watch",
    scope=Scope.AGENTS_READ,
    body=NoBody,
    query=NoQuery,
    response=Thing,
    streaming=True,
)


def _no_connection() -> Connection:
    raise AssertionError("these tests have no database")


@dataclass
class OpenGate:
    """Admits everybody, or raises what it was told to."""

    refusal: Exception | None = None
    admitted: list[Principal] = field(default_factory=list)

    def admit(self, principal: Principal) -> Mapping[str, str]:
        """Count a request."""
        if self.refusal is not None:
            raise self.refusal
        self.admitted.append(principal)
        return LIMITS


class House:
    """Endpoints with everything they share, and the requests that reached the service."""

    def __init__(self, *, soon_s: float = 60) -> None:
        self.gate = OpenGate()
        self.clock = ManualClock()
        self.answers = InMemoryAnswers()
        self.database = Database(_no_connection)
        self.nudges = 0
        self.nudged = threading.Event()
        self.requests: list[Request[Any, Any]] = []
        self.factory = EndpointFactory(
            Shared(
                gate=self.gate,
                answers=self.answers,
                database=self.database,
                clock=self.clock,
                nudge=self._nudge,
            ),
            soon_s=soon_s,
        )

    def call(
        self,
        operation: Operation[Any, Any],
        event: Mapping[str, Any],
        serve: Callable[[Request[Any, Any]], Given] | None = None,
        remaining_ms: int = 29_000,
    ) -> dict[str, Any]:
        """Send an event to an operation."""
        context = make.LambdaContext(remaining_ms)
        return self.factory.answer(operation, serve or self.serve, event, context)

    def serve(self, request: Request[Any, Any]) -> Answer:
        """Answer with what was sent, as a thing."""
        self.requests.append(request)
        body = request.body if isinstance(request.body, Thing) else Thing(name="none")
        return Answer(body=body, status=201, headers={"Location": "/v1/things/1"})

    def _nudge(self) -> None:
        self.nudges += 1
        self.nudged.set()


def raising(error: BaseException) -> Callable[[Request[Any, Any]], NoReturn]:
    """A service that fails."""

    def serve(_request: Request[Any, Any]) -> NoReturn:
        raise error

    return serve


def make_event(body: Any = None, **changes: Any) -> dict[str, Any]:
    """A request to make a thing, by somebody who may."""
    given = {
        "body": {"name": "a"} if body is None else body,
        "caller": make.principal(),
        "shelf": "top",
    }
    return make.rest_event("POST", "/v1/shelves/top/things", **{**given, **changes})


def list_event(**changes: Any) -> dict[str, Any]:
    """A request for the list of things, by somebody who may."""
    return make.rest_event("GET", "/v1/things", **{"caller": make.principal(), **changes})
