"""One request on its way: admitted, validated, called, answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from orchstack.kernel import problems, sse, validation
from orchstack.kernel.clock import Clock
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import Forbidden, OrchStackError
from orchstack.kernel.gateway import COMMON_HEADERS, UNCACHED, Incoming
from orchstack.kernel.http import (
    Answer,
    EventStream,
    Idempotency,
    Operation,
    Request,
    TextAnswer,
)
from orchstack.kernel.idempotency import REPLAYED, Answers, Slot, StoredAnswer
from orchstack.kernel.observability import add_ids, logger
from orchstack.kernel.tenancy import ANONYMOUS, Principal

BodyT = TypeVar("BodyT", bound=BaseModel)
QueryT = TypeVar("QueryT", bound=BaseModel)
ItemT = TypeVar("ItemT")
Given = Answer | TextAnswer | EventStream
Call = Callable[[Request[BodyT, QueryT]], Given]
Frames = Iterator[tuple[str, str, str] | None]

_COMMON = {"Content-Type": "application/json", **UNCACHED, **COMMON_HEADERS}


class Gate(Protocol):
    """Admits a verified caller, or not."""

    def admit(self, principal: Principal) -> Mapping[str, str]:
        """Count a request; gives the RateLimit headers.

        Raises RateLimited (with the headers), or Unauthenticated for a revoked key.
        """


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all requests of a function share; `nudge` is called after events were committed."""

    gate: Gate
    answers: Answers
    database: Database
    clock: Clock
    nudge: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a request came to, before it takes API Gateway's form."""

    status: int
    headers: Mapping[str, str]
    body: str = ""
    # Instead of `body`: a text in pieces, or events.
    pieces: Iterator[str] | None = None
    events: Frames | None = None


class Exchange(Generic[BodyT, QueryT]):
    """The way of one request through its operation."""

    def __init__(
        self,
        shared: Shared,
        operation: Operation[BodyT, QueryT],
        incoming: Incoming,
        deadline: float,
    ) -> None:
        """Take the request; `deadline` is the Unix time at which the answer must be out."""
        self._shared = shared
        self._operation = operation
        self._incoming = incoming
        self._deadline = deadline
        self._headers = {**_COMMON, "X-Request-Id": incoming.request_id}

    def run(self, call: Call[BodyT, QueryT]) -> Outcome:
        """Bring the request to its outcome; never raises."""
        try:
            return self._outcome(self._called(call, self._request(self._admitted())))
        except OrchStackError as error:
            return self._refusal(error)
        except Exception:  # noqa: BLE001 - the process boundary: logged whole, answered as 500
            logger.exception("unexpected error", extra={"operation": self._operation.id})
            return self._refusal(OrchStackError())

    def _admitted(self) -> Principal:
        if self._operation.scope is None:
            return ANONYMOUS
        principal = self._incoming.principal()
        add_ids(tenant_id=principal.tenant_id)
        self._headers.update(self._shared.gate.admit(principal))
        if not principal.may(self._operation.scope):
            raise Forbidden(
                f"The API key lacks the scope {self._operation.scope}; ask for a key that has it."
            )
        return principal

    def _request(self, principal: Principal) -> Request[BodyT, QueryT]:
        operation, incoming = self._operation, self._incoming
        path = validation.path_parameters(operation, incoming.path_parameters)
        query = validation.query(operation.query, incoming.query)
        key = validation.idempotency_key(incoming.headers)
        body, plain = validation.body(operation, incoming.body())
        return Request(
            trace_id=incoming.trace_id,
            principal=principal,
            path=path,
            query=query,
            body=body,
            body_hash=validation.fingerprint(operation, path, plain),
            idempotency_key=key,
            accepts_stream=sse.CONTENT_TYPE in incoming.headers.get("accept", ""),
            last_event_id=incoming.headers.get("last-event-id") or None,
            deadline=self._deadline,
            accept=incoming.headers.get("accept", ""),
        )

    def _called(
        self, call: Call[BodyT, QueryT], request: Request[BodyT, QueryT]
    ) -> Given | StoredAnswer:
        if self._operation.idempotency is not Idempotency.TRANSACTION:
            return call(request)
        tenant_id = request.principal.tenant_id
        if request.idempotency_key is None:
            with self._shared.database.transaction(tenant_id):
                return call(request)
        slot = Slot(tenant_id=tenant_id, operation=self._operation.id, key=request.idempotency_key)
        with self._shared.answers.claim(slot, self._shared.clock.now()) as claim:
            if claim.stored is not None:
                return claim.stored.replay(request.body_hash)
            answer = call(request)
            if isinstance(answer, Answer):
                claim.answer = _stored(answer, request.body_hash)
            return answer

    def _outcome(self, answer: Given | StoredAnswer) -> Outcome:
        headers = {**self._headers, **answer.headers}
        match answer:
            case Answer():
                return Outcome(status=answer.status, headers=headers, body=_json(answer.body))
            case StoredAnswer():
                headers[REPLAYED] = "true"
                return Outcome(status=answer.status, headers=headers, body=answer.body)
            case TextAnswer():
                return self._text(answer, headers)
            case EventStream():
                started = _started(answer.events)
                headers["Content-Type"] = sse.CONTENT_TYPE
                return Outcome(status=200, headers=headers, events=started)

    def _text(self, answer: TextAnswer, headers: dict[str, str]) -> Outcome:
        headers["Content-Type"] = f"{answer.media_type}; charset=utf-8"
        if answer.filename is not None:
            headers["Content-Disposition"] = f'attachment; filename="{answer.filename}"'
        content = answer.content
        if self._operation.streaming and not isinstance(content, str):
            return Outcome(status=200, headers=headers, pieces=_started(iter(content)))
        return Outcome(status=200, headers=headers, body="".join(content))

    def _refusal(self, error: OrchStackError) -> Outcome:
        body = problems.render(
            error, instance=self._incoming.path, request_id=self._incoming.request_id
        )
        headers = {**self._headers, **problems.headers(error)}
        return Outcome(status=error.status, headers=headers, body=body)


def _started(rest: Iterator[ItemT]) -> Iterator[ItemT]:
    """Wait for the first piece, so that an error before it is still an ordinary answer."""
    try:
        first = next(rest)
    except StopIteration:
        return rest
    return _with_first(first, rest)


def _with_first(first: ItemT, rest: Iterator[ItemT]) -> Iterator[ItemT]:
    try:
        yield first
        yield from rest
    finally:
        close = getattr(rest, "close", None)
        if close is not None:
            close()


def _json(body: BaseModel) -> str:
    return body.model_dump_json(by_alias=True)


def _stored(answer: Answer, fingerprint: str) -> StoredAnswer:
    body = answer.body if answer.stored_body is None else answer.stored_body
    return StoredAnswer(
        fingerprint=fingerprint, status=answer.status, body=_json(body), headers=answer.headers
    )
