"""What can go wrong in a call, as the client meets it.

OrchStackError
├── NotConfigured           no URL or no key was given, and none was found
├── ConnectionFailed        no answer: refused, cut or too late; nothing is known of the request
│   └── StreamBroken        a stream of events ended before the run did
└── ApiError                the API refused or failed; carries the problem document
    ├── InvalidRequest      400  the request does not fit the operation
    ├── Unauthenticated     401  no valid key
    ├── Forbidden           403  the key lacks a scope, or a guard blocked the content
    ├── NotFound            404  no such object for this tenant
    ├── Conflict            409  the object changed, or the same request is running
    ├── Gone                410  it was erased
    ├── InvalidDocument     422  faults in a document; `faults` lists them
    ├── RateLimited         429  too many requests
    └── ServerError         5xx  OrchStack failed; the retry with the same key is safe
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from orchstack.kernel.plain import JsonMapping


class OrchStackError(Exception):
    """A call did not bring what was asked for."""


class NotConfigured(OrchStackError):
    """No URL or API key was given, and none was found."""


class ConnectionFailed(OrchStackError):
    """There was no answer; the request may or may not have been carried out."""


class StreamBroken(ConnectionFailed):
    """The stream ended before the run did; `client.runs.get(run_id)` tells what became of it."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An RFC 9457 problem document, as far as it was given."""

    status: int
    title: str = ""
    detail: str = ""
    code: str = ""
    request_id: str = ""
    faults: tuple[JsonMapping, ...] = ()
    retry_after_s: float | None = None


class ApiError(OrchStackError):
    """The API answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.code or problem.title}: {problem.detail}")
        self.problem = problem

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """The machine-readable name of the problem, such as `not_found`."""
        return self.problem.code

    @property
    def detail(self) -> str:
        """What happened and what to do next."""
        return self.problem.detail

    @property
    def faults(self) -> tuple[JsonMapping, ...]:
        """Single faults in what was sent: `path`, `message`, and `line` where it is known."""
        return self.problem.faults


class InvalidRequest(ApiError):
    """The request does not fit the operation."""


class Unauthenticated(ApiError):
    """The key is missing, wrong, expired or revoked."""


class Forbidden(ApiError):
    """The key lacks a scope, or a guard blocked the content."""


class NotFound(ApiError):
    """There is no such object for this tenant."""


class Conflict(ApiError):
    """The object changed or exists already, or the same request is still running."""


class Gone(ApiError):
    """It was erased."""


class InvalidDocument(ApiError):
    """A document has faults, or an Idempotency-Key was used for another request."""


class RateLimited(ApiError):
    """Too many requests."""


class ServerError(ApiError):
    """OrchStack failed; a retry with the same Idempotency-Key is safe."""


_BY_STATUS: dict[int, type[ApiError]] = {
    HTTPStatus.BAD_REQUEST: InvalidRequest,
    HTTPStatus.UNAUTHORIZED: Unauthenticated,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Gone,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidDocument,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


def error_of(problem: Problem) -> ApiError:
    """Give the error that stands for a problem."""
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError(problem)
    return _BY_STATUS.get(problem.status, InvalidRequest)(problem)
