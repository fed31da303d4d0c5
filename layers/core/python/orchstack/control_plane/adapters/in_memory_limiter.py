"""The rate limiter in memory, with the behaviour of the script."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

from orchstack.control_plane.limits import Bucket, take
from orchstack.control_plane.model.tenants import Allowance, Verdict
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.tenancy import RequestLimits


class InMemoryRateLimiter:
    """Token buckets in a dictionary; `away` makes it fail as a cache that does not answer."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Take the clock, in seconds of Unix time."""
        self.away = False
        self._now = now
        self._buckets: dict[tuple[UUID, UUID | None], Bucket] = {}
        self._revoked: set[tuple[UUID, UUID]] = set()
        self._lock = threading.Lock()

    def take(self, tenant_id: UUID, key_id: UUID, limits: RequestLimits) -> Verdict:
        """Take a token of the tenant and one of the key, or none."""
        self._refuse_if_away()
        if (tenant_id, key_id) in self._revoked:
            return Verdict(revoked=True)
        quotas = {None: limits.requests_per_minute, key_id: limits.requests_per_minute_per_key}
        with self._lock:
            now = self._now()
            buckets = {
                owner: self._buckets.get((tenant_id, owner), Bucket(quota, now)).refilled(
                    quota, now
                )
                for owner, quota in quotas.items()
            }
            admitted, allowances = take(
                [
                    Allowance(name=name, quota=quotas[owner], tokens=buckets[owner].tokens)
                    for name, owner in zip(("tenant", "key"), quotas, strict=True)
                ]
            )
            for owner, allowance in zip(quotas, allowances, strict=True):
                self._buckets[tenant_id, owner] = Bucket(allowance.tokens, now)
        return Verdict(admitted=admitted, allowances=allowances)

    def revoke(self, tenant_id: UUID, key_id: UUID) -> None:
        """Mark a key as revoked, for good."""
        self._refuse_if_away()
        self._revoked.add((tenant_id, key_id))

    def _refuse_if_away(self) -> None:
        if self.away:
            raise Unavailable("The cache is not answering.", retry_after_s=1)
