"""What the function service is told about a function, and what it answers an invocation with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; the buffered limit is
# 6 MB for the body and a little for the envelope.
MAX_BUFFERED_BYTES = 6_291_556
MAX_STREAMED_BYTES = 200 * 1024 * 1024
# An account's concurrency, which is all that bounds a function without a reservation.
ACCOUNT_CONCURRENCY = 1000
# Workers a function without a reservation may have on one machine; more invocations wait.
DEFAULT_WORKERS = 4


class TooManyRequests(Exception):
    """The function runs as many invocations as it may; try again later (429 on AWS)."""


class PayloadTooBig(Exception):
    """The payload of an invocation passes 6 MB (413 on AWS)."""


class UnknownFunction(LookupError):
    """No function of this name is registered (404 on AWS)."""


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A function as its template describes it; directories hold its code, unpacked."""

    name: str
    arn: str
    service: str
    handler: str
    code_dir: Path
    layer_dirs: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 3
    memory_mb: int = 128
    # ReservedConcurrentExecutions: at this many invocations further ones are throttled. Without
    # a reservation DEFAULT_WORKERS processes serve, and invocations wait for one of them.
    concurrency: int | None = None
    # LoggingConfig.LogFormat: how the runtime writes its own lines.
    log_format: str = "JSON"

    @property
    def workers(self) -> int:
        """How many processes may serve the function at once."""
        return DEFAULT_WORKERS if self.concurrency is None else self.concurrency

    @property
    def limit(self) -> int:
        """How many invocations may run or wait at once."""
        return ACCOUNT_CONCURRENCY if self.concurrency is None else self.concurrency


@dataclass(frozen=True)
class Failure:
    """Why an invocation failed, in the form Lambda reports it."""

    kind: str
    message: str

    def body(self) -> bytes:
        """The error document a caller receives as the payload."""
        return json.dumps({"errorType": self.kind, "errorMessage": self.message}).encode()


@dataclass(frozen=True)
class Result:
    """A whole answer. `error` is None, or "Unhandled" as in the header X-Amz-Function-Error."""

    payload: bytes
    error: str | None = None
    request_id: str = ""


@dataclass(frozen=True)
class FunctionStatus:
    """What a function's pool has done since the start, and what it does now."""

    name: str
    service: str
    workers: int
    busy: int
    waiting: int
    invocations: int
    errors: int
    throttles: int
