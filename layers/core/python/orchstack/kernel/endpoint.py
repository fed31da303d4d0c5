"""Lambda handlers for operations: what they all have in common, around one call of a service.

    principal -> gate (revocation, rate limit) -> scope -> path, query, body -> idempotency -> call

Every OrchStackError becomes a problem document, and so does, after its stack was logged, whatever
else a call raises: `Exchange.run` is the process boundary, the one place that catches Exception.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import BaseModel

from orchstack.kernel import gateway, sse
from orchstack.kernel.exchange import Call, Exchange, Frames, Shared
from orchstack.kernel.http import AnyOperation, Operation
from orchstack.kernel.invocation import LambdaContext
from orchstack.kernel.observability import bind, logger
from orchstack.kernel.plain import JsonMapping, JsonObject

BodyT = TypeVar("BodyT", bound=BaseModel)
QueryT = TypeVar("QueryT", bound=BaseModel)
Reply = JsonObject

# What is left of the function's time for writing the answer.
_MARGIN_S = 0.5
# A stream that takes longer than this has its first events relayed before it is over.
_SOON_S = 1.0


class EndpointFactory:
    """Answers Lambda events with functions that take a Request."""

    def __init__(self, shared: Shared, *, soon_s: float = _SOON_S) -> None:
        """Take what requests share, and when a stream that goes on has its events relayed."""
        self._shared = shared
        self._soon_s = soon_s

    def answer(
        self,
        operation: Operation[BodyT, QueryT],
        call: Call[BodyT, QueryT],
        event: JsonMapping,
        context: LambdaContext,
    ) -> Reply:
        """Answer a request as a whole."""
        incoming = gateway.read(event)
        with self._watched(operation, incoming) as notes:
            outcome = self._exchange(operation, incoming, context).run(call)
            notes["status"] = outcome.status
        return gateway.answer(outcome.status, outcome.headers, outcome.body)

    def stream(
        self,
        operation: Operation[BodyT, QueryT],
        call: Call[BodyT, QueryT],
        event: JsonMapping,
        context: LambdaContext,
    ) -> Generator[Reply | str, None, None]:
        """Answer a request piece by piece: the head first, then the rest as it comes."""
        incoming = gateway.read(event)
        soon = _after(self._soon_s, self._shared.nudge)
        with soon, self._watched(operation, incoming) as notes:
            outcome = self._exchange(operation, incoming, context).run(call)
            notes["status"] = outcome.status
            yield {"statusCode": outcome.status, "headers": dict(outcome.headers)}
            if outcome.events is not None:
                yield from _frames(outcome.events)
            elif outcome.pieces is not None:
                yield from outcome.pieces
            else:
                yield outcome.body

    def _exchange(
        self,
        operation: Operation[BodyT, QueryT],
        incoming: gateway.Incoming,
        context: LambdaContext,
    ) -> Exchange[BodyT, QueryT]:
        left = context.get_remaining_time_in_millis() / 1000 - _MARGIN_S
        now = self._shared.clock.now().timestamp()
        return Exchange(
            self._shared, operation, incoming, now + max(0.0, min(left, operation.timeout_s))
        )

    @contextmanager
    def _watched(self, operation: AnyOperation, incoming: gateway.Incoming) -> Iterator[JsonObject]:
        """Log the request when it is over, and wake the relay if events were committed."""
        started = time.perf_counter()
        notes: JsonObject = {"operation": operation.id}
        with bind(request_id=incoming.request_id, trace_id=incoming.trace_id):
            try:
                yield notes
            except Exception:
                # The head is out: only the runtime can still tell the client, by breaking off.
                logger.exception("the stream broke off", extra={"operation": operation.id})
                raise
            finally:
                if self._shared.database.take_announced():
                    self._shared.nudge()
                notes["duration_ms"] = round((time.perf_counter() - started) * 1000, 1)
                logger.info("request", extra=notes)


@contextmanager
def _after(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Act once, beside the block, if it takes longer; what the model says waits for nothing."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _frames(events: Frames) -> Iterator[str]:
    """Write the events; closes their source when the reader goes away."""
    try:
        for event in events:
            yield sse.comment("still here") if event is None else sse.frame(*event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
