"""The errors a caller of OrchStack can meet, each with its code and HTTP status.

OrchStackError                        500  internal
├── InvalidRequest                    400  invalid_request
│   ├── UnreadableAttachment          400  unreadable_attachment
│   ├── UnsupportedInput              422  unsupported_input
│   ├── InvalidCursor                 400  invalid_cursor
│   └── InvalidDocument               422  invalid_document
├── Unauthenticated                   401  unauthenticated
├── Forbidden                         403  forbidden
│   └── ContentBlocked                403  content_blocked
├── NotFound                          404  not_found
├── Conflict                          409  conflict
│   ├── RequestInFlight               409  request_in_flight
│   ├── RunOver                       409  run_over
│   └── SessionBusy                   409  session_busy
├── Gone                              410  gone
├── PayloadTooLarge                   413  payload_too_large
│   └── ContextTooLarge               413  context_too_large
├── IdempotencyKeyReused              422  idempotency_key_reused
├── InvalidOutput                     422  invalid_output
├── RunPoisoned                       500  run_poisoned
├── RateLimited                       429  rate_limited
├── Unavailable                       503  unavailable
│   └── NoProviderAvailable           503  no_provider_available
└── DeadlineExceeded                  504  deadline_exceeded
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from orchstack.kernel.plain import JsonObject

Fault = JsonObject
# As many as an answer lists.
MAX_FAULTS = 20


def fault_at(path: str, message: str, line: int | None = None) -> Fault:
    """Word one fault: its place (a JSON Pointer, or `query.limit`), what is wrong, and its line."""
    worded: Fault = {"path": path, "message": message}
    return worded if line is None else {**worded, "line": line}


class OrchStackError(Exception):
    """Something went wrong in OrchStack; retry, and report the request id if it stays."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after_s: float | None = None,
        faults: list[Fault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the sentence for the caller (else the class's own) and what rides along.

        Args:
            detail: What happened and what to do next.
            retry_after_s: Seconds after which a retry makes sense; becomes `Retry-After`.
            faults: Single faults, each with `path` and `message`, and `line` where it is known.
            headers: Headers the answer carries, such as RateLimit.
        """
        super().__init__(detail or " ".join((type(self).__doc__ or "").split()))
        self.retry_after_s = retry_after_s
        self.faults = faults or []
        self.headers = dict(headers or {})

    @property
    def detail(self) -> str:
        """What happened and what to do next, in one or two sentences."""
        return str(self.args[0])


class InvalidRequest(OrchStackError):
    """The request does not fit the operation's schema; compare it with /openapi.json."""

    code = "invalid_request"
    status = 400
    title = "Invalid request"


class UnreadableAttachment(InvalidRequest):
    """What came with the input is no image, PDF or text that can be read."""

    code = "unreadable_attachment"
    title = "Unreadable attachment"


class UnsupportedInput(InvalidRequest):
    """The agent's model cannot read what came with the input."""

    code = "unsupported_input"
    status = 422
    title = "Unsupported input"


class InvalidCursor(InvalidRequest):
    """The cursor was not issued by this listing; start again without one."""

    code = "invalid_cursor"
    title = "Invalid cursor"


class InvalidDocument(InvalidRequest):
    """The document does not fit its schema; mend the faults listed and send it again."""

    code = "invalid_document"
    status = 422
    title = "Invalid document"


class Unauthenticated(OrchStackError):
    """The request carries no valid API key; send `Authorization: Bearer os_live_…`."""

    code = "unauthenticated"
    status = 401
    title = "Unauthenticated"


class Forbidden(OrchStackError):
    """The API key lacks the scope this operation needs; ask for a key that has it."""

    code = "forbidden"
    status = 403
    title = "Forbidden"


class ContentBlocked(Forbidden):
    """A guard of this agent blocked the content; rephrase it or change the agent's guards."""

    code = "content_blocked"
    title = "Content blocked"


class NotFound(OrchStackError):
    """There is no such object for this tenant; list the collection to see what exists."""

    code = "not_found"
    status = 404
    title = "Not found"


class Conflict(OrchStackError):
    """The object changed or already exists; read it again and decide."""

    code = "conflict"
    status = 409
    title = "Conflict"


class RequestInFlight(Conflict):
    """A request with this Idempotency-Key is running; wait as Retry-After says, send it again."""

    code = "request_in_flight"
    title = "Request in flight"


class RunOver(Conflict):
    """The run has ended; GET /v1/runs/{run_id} shows how."""

    code = "run_over"
    title = "Run over"


class SessionBusy(Conflict):
    """A run of this session is under way; wait as Retry-After says, or cancel that run."""

    code = "session_busy"
    title = "Session busy"

    @classmethod
    def with_run(cls, run_id: UUID) -> SessionBusy:
        """Name the run that is under way."""
        return cls(
            f"Run {run_id} of this session is under way; "
            "wait as Retry-After says, or cancel that run.",
            retry_after_s=1,
        )


class Gone(OrchStackError):
    """It was erased."""

    code = "gone"
    status = 410
    title = "Gone"


class PayloadTooLarge(OrchStackError):
    """The request is larger than this operation accepts; send less or split it."""

    code = "payload_too_large"
    status = 413
    title = "Payload too large"


class ContextTooLarge(PayloadTooLarge):
    """The input is larger than the model's context allows; send less, or name a larger model."""

    code = "context_too_large"
    title = "Context too large"


class IdempotencyKeyReused(OrchStackError):
    """This Idempotency-Key was used with another request; choose a new key."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key reused"


class InvalidOutput(OrchStackError):
    """The model's answer did not fit the agent's output schema, also when it was told so."""

    code = "invalid_output"
    status = 422
    title = "Invalid output"


class RunPoisoned(OrchStackError):
    """Every driver of the run died over the same step; see the run's logs for the cause."""

    code = "run_poisoned"
    title = "Run poisoned"


class RateLimited(OrchStackError):
    """Too many requests; wait as Retry-After says."""

    code = "rate_limited"
    status = 429
    title = "Rate limited"


class Unavailable(OrchStackError):
    """A part this request needs is not answering; send it again as Retry-After says.

    A mutation is safe to repeat when it carries the same Idempotency-Key.
    """

    code = "unavailable"
    status = 503
    title = "Unavailable"


class NoProviderAvailable(Unavailable):
    """No model provider could answer; try again, or name another model in the agent's document."""

    code = "no_provider_available"
    title = "No provider available"


class DeadlineExceeded(OrchStackError):
    """The request did not finish within its time; send it again with the same key to go on."""

    code = "deadline_exceeded"
    status = 504
    title = "Deadline exceeded"
