"""Errors as a person wants to read them: what happened, where, what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from orchstack.cli.exits import FAILED, NOT_ALLOWED, UNREACHABLE
from orchstack.cli.output import errors
from orchstack.sdk import (
    ApiError,
    ConnectionFailed,
    Forbidden,
    NotConfigured,
    OrchStackError,
    Unauthenticated,
)

HINTS: dict[type[OrchStackError], str] = {
    ConnectionFailed: "Is it running? `orchstack status` tells; `make up` starts the local cloud.",
    Unauthenticated: "Set ORCHSTACK_API_KEY, or give --key, to a key of this installation.",
    Forbidden: "`orchstack keys create NAME --scope …` makes a key with the scope it lacks.",
}


def exit_code(error: OrchStackError) -> int:
    """3: nothing was reached; 4: the key may not; 1: all else."""
    if isinstance(error, NotConfigured | ConnectionFailed):
        return UNREACHABLE
    return NOT_ALLOWED if isinstance(error, Unauthenticated | Forbidden) else FAILED


def tell(error: OrchStackError) -> None:
    """Write the error to standard error."""
    console = errors()
    console.print(f"✗ {_headline(error)}", style="bold red", markup=False)
    for line in _details(error):
        console.print(f"  {line}", markup=False, highlight=False)


def _headline(error: OrchStackError) -> str:
    if isinstance(error, ApiError):
        title = error.problem.title or f"HTTP {error.status}"
        return f"{title}: {error.detail}" if error.detail else title
    return str(error)


def _details(error: OrchStackError) -> Iterator[str]:
    if isinstance(error, ApiError):
        for fault in error.faults:
            yield f"{fault.get('path') or '/'}: {fault.get('message', '')}"
        if error.problem.retry_after_s is not None:
            yield f"Try again in {error.problem.retry_after_s:g} s."
        if error.problem.request_id:
            yield f"code {error.code}, request {error.problem.request_id}"
    yield from (hint for kind, hint in HINTS.items() if isinstance(error, kind))
