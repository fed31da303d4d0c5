"""Rate limits and revocations in Valkey: one script, one round trip, the server's own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final
from uuid import UUID

from redis.exceptions import RedisClusterException, RedisError

from orchstack.control_plane.limits import WINDOW_S
from orchstack.control_plane.model.tenants import Allowance, Verdict
from orchstack.kernel.cache import Script, tenant_key
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.tenancy import RequestLimits

if TYPE_CHECKING:
    from redis.cluster import RedisCluster

# API Gateway keeps an authorizer's answer for 60 s, and the mark must outlive it.
_MARK_S: Final = 300
_TAKE: Final = Script(__package__, "take_tokens.lua")


class _Valkey:
    """A client that is opened when it is first needed."""

    def __init__(self, connect: Callable[[], RedisCluster]) -> None:
        """Take the way to connect (see `kernel.cache.connect`)."""
        self._connect = connect

    @cached_property
    def _client(self) -> RedisCluster:
        return self._connect()


class ValkeyRateLimiter(_Valkey):
    """Token buckets of tenants and keys."""

    def take(self, tenant_id: UUID, key_id: UUID, limits: RequestLimits) -> Verdict:
        """Take a token of the tenant and one of the key, or none."""
        keys = [
            tenant_key(tenant_id, "revoked", str(key_id)),
            tenant_key(tenant_id, "requests"),
            tenant_key(tenant_id, "requests", str(key_id)),
        ]
        quotas = (limits.requests_per_minute, limits.requests_per_minute_per_key)
        with _reported():
            revoked, admitted, *tokens = _TAKE.run(self._client, keys, [WINDOW_S, *quotas])
        allowances = tuple(
            Allowance(name=name, quota=quota, tokens=float(left))
            for name, quota, left in zip(("tenant", "key"), quotas, tokens, strict=False)
        )
        return Verdict(revoked=bool(revoked), admitted=bool(admitted), allowances=allowances)

    def revoke(self, tenant_id: UUID, key_id: UUID) -> None:
        """Mark a key as revoked until no authorizer's answer of before can be in use."""
        with _reported():
            self._client.set(tenant_key(tenant_id, "revoked", str(key_id)), "1", ex=_MARK_S)


class ValkeyPart(_Valkey):
    """The cache, as the health check sees it."""

    name = "cache"

    def check(self) -> None:
        """Ping every node."""
        with _reported():
            self._client.ping()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException) as error:
        raise Unavailable("The cache is not answering.", retry_after_s=1) from error
