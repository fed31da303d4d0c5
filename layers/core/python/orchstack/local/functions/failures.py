"""How Lambda words the failures of an invocation that the function could not report itself."""

from __future__ import annotations

import signal

from orchstack.local.functions.model import Failure


def timed_out(request_id: str, timeout_s: float) -> Failure:
    """The function used up its time."""
    return Failure(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds",
    )


def out_of_memory(request_id: str) -> Failure:
    """The function used more memory than it has."""
    return Failure(
        "Runtime.OutOfMemory",
        f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    )


def exited(request_id: str, return_code: int) -> Failure:
    """The process ended in the middle of an invocation or while it started."""
    if return_code == 0:
        how = "Runtime exited without providing a reason"
    elif return_code > 0:
        how = f"Runtime exited with error: exit status {return_code}"
    else:
        name = "killed" if -return_code == signal.SIGKILL else signal.strsignal(-return_code)
        how = f"Runtime exited with error: signal: {str(name).lower()}"
    return Failure("Runtime.ExitError", f"RequestId: {request_id} Error: {how}")


def init_timed_out(timeout_s: float) -> Failure:
    """The process did not become ready."""
    return Failure("Sandbox.Timedout", f"Init timed out after {timeout_s:.2f} seconds")


def stopped() -> Failure:
    """The local cloud ends."""
    return Failure("Sandbox.Stopped", "The local cloud was stopped")


def broken_off() -> Failure:
    """The runtime left an invocation without an answer, or in the middle of one."""
    return Failure("Runtime.TruncatedResponse", "The runtime broke off before its answer was whole")


def response_too_large(limit: int) -> Failure:
    """An answer passed its limit, in bytes."""
    return Failure(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({limit} bytes).",
    )
