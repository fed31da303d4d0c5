"""When a call is tried again, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchstack.sdk.errors import ApiError, ConnectionFailed, OrchStackError

RETRIED = frozenset({429, 502, 503, 504})
IN_FLIGHT = "request_in_flight"


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Tries a call up to `attempts` times, with full jitter, never sooner than the server asks.

    A longer `Retry-After` than `longest_wait_s` ends the tries at once: the caller decides.
    """

    attempts: int = 5
    base_s: float = 0.25
    cap_s: float = 8.0
    longest_wait_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform

    def wait_after(self, attempt: int, error: OrchStackError) -> float | None:
        """Seconds to wait after the given attempt (from 1) failed; None: do not try again."""
        if attempt >= self.attempts or not _passing(error):
            return None
        asked = error.problem.retry_after_s if isinstance(error, ApiError) else None
        if asked is not None and asked > self.longest_wait_s:
            return None
        return (asked or 0.0) + self.jitter(0, min(self.cap_s, self.base_s * 2 ** (attempt - 1)))


def _passing(error: OrchStackError) -> bool:
    """Whether what went wrong may pass by itself."""
    if isinstance(error, ApiError):
        return error.status in RETRIED or error.code == IN_FLIGHT
    return isinstance(error, ConnectionFailed)
