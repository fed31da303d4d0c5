"""The gate that every authenticated request passes: expiry, revocation and rate limits."""

from __future__ import annotations

from collections.abc import Mapping

from orchstack.control_plane import limits
from orchstack.control_plane.model.tenants import Verdict
from orchstack.control_plane.ports import Credentials, RateLimiter
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import RateLimited, Unauthenticated, Unavailable
from orchstack.kernel.observability import logger
from orchstack.kernel.tenancy import Principal

# How long a cache that failed is left alone, so that not every request waits for its time-out.
_PAUSE_S = 5.0


class RequestGate:
    """Admits requests; implements the kernel's `Gate`."""

    def __init__(self, limiter: RateLimiter, credentials: Credentials, clock: Clock) -> None:
        """Take the limiter, the look-up for when it is away, and the clock."""
        self._limiter = limiter
        self._credentials = credentials
        self._clock = clock
        self._paused_until = float("-inf")

    def admit(self, principal: Principal) -> Mapping[str, str]:
        """Give the RateLimit headers; raises Unauthenticated, RateLimited, Unavailable.

        Without the cache the key's row decides (identity fails closed) and no limit holds.
        """
        if principal.expires_at is not None and principal.expires_at <= self._clock.now():
            raise Unauthenticated("The API key has expired; ask for a new one.")
        verdict = self._ask(principal)
        if verdict is None:
            return self._admit_by_row(principal)
        if verdict.revoked:
            raise Unauthenticated("The API key was revoked; use another one.")
        if not verdict.admitted:
            raise RateLimited(
                retry_after_s=limits.retry_after_s(verdict.allowances),
                headers=limits.headers(verdict.allowances),
            )
        return limits.headers(verdict.allowances)

    def _ask(self, principal: Principal) -> Verdict | None:
        if self._clock.monotonic() < self._paused_until:
            return None
        try:
            return self._limiter.take(principal.tenant_id, principal.key_id, principal.limits)
        except Unavailable:
            self._paused_until = self._clock.monotonic() + _PAUSE_S
            logger.warning("the cache is away: requests pass without a rate limit")
            return None

    def _admit_by_row(self, principal: Principal) -> Mapping[str, str]:
        if not self._credentials.valid(principal.tenant_id, principal.key_id, self._clock.now()):
            raise Unauthenticated("The API key was revoked; use another one.")
        return {}
