"""HTTP as the services see it: operations, requests and answers, without a word of API Gateway.

An `Operation` is declared once, in a service's `api.py`, and used three times: `infra_cdk` makes
the route, the handler is checked against it, and the OpenAPI document describes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from orchstack.kernel.errors import InvalidRequest
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.tenancy import Principal, Scope

BodyT = TypeVar("BodyT", bound=BaseModel)
QueryT = TypeVar("QueryT", bound=BaseModel)


class Idempotency(StrEnum):
    """How an operation treats the Idempotency-Key header."""

    NONE = "none"
    # The wrapper runs the operation inside one transaction and stores its answer with the change.
    TRANSACTION = "transaction"
    # The service itself takes the key (a run is its own record).
    SERVICE = "service"


class NoBody(Frozen):
    """An operation without a request body."""


class NoQuery(Frozen):
    """An operation without query parameters."""


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[BodyT, QueryT]):
    """One operation of the public API, served by `function` (`<service>/<verb_noun>`)."""

    id: str
    method: str
    path: str
    summary: str
    function: str
    # None: public, without principal and rate limit.
    scope: Scope | None
    response: type[BaseModel]
    body: type[BodyT]
    query: type[QueryT]
    status: int = 200
    # Further statuses of success: 200 where `status` is 201 and nothing had to be made.
    other_statuses: tuple[int, ...] = ()
    # What a body that does not fit its model is answered with.
    invalid_body: type[InvalidRequest] = InvalidRequest
    streaming: bool = False
    # What a TextAnswer of this operation can be, such as text/csv. A streaming operation without
    # any answers with Server-Sent Events.
    media_types: tuple[str, ...] = ()
    # Whether what it names can have been erased: it answers 410 then.
    erasable: bool = False
    # Further statuses with which it refuses, beside those that follow from the rest.
    refusals: tuple[int, ...] = ()
    idempotency: Idempotency = Idempotency.NONE
    path_pattern: dict[str, str] = field(default_factory=dict)
    max_body_bytes: int = 256 * 1024
    timeout_s: int = 29


AnyOperation = Operation[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Request(Generic[BodyT, QueryT]):
    """A request that passed authentication, limits and validation."""

    trace_id: str
    principal: Principal
    path: dict[str, str]
    query: QueryT
    body: BodyT
    # SHA-256 (hex) of operation, path and canonical body: what an Idempotency-Key stands for.
    body_hash: str
    idempotency_key: str | None
    accepts_stream: bool
    # Unix time in seconds at which the answer must be out.
    deadline: float
    # The Accept header as it came.
    accept: str = ""
    # What a reader of Server-Sent Events has seen last, as it says itself.
    last_event_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer; `body` is dumped as JSON."""

    body: BaseModel
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # What the idempotency store keeps instead of `body`, where the body holds a secret shown once.
    stored_body: BaseModel | None = None


@dataclass(frozen=True, kw_only=True)
class TextAnswer:
    """An answer that is a document of its own, whole or (of a streaming operation) in pieces."""

    content: str | Iterable[str]
    # As the operation's `media_types` name it.
    media_type: str
    # What a browser saves it as: letters, digits, dots and dashes of ASCII.
    filename: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EventStream:
    """A Server-Sent Events answer: each item is (id, event name, JSON text).

    None instead of an item is a comment, which keeps a silent connection alive.
    """

    events: Iterator[tuple[str, str, str] | None]
    headers: dict[str, str] = field(default_factory=dict)
