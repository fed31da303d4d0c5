"""What every rate limiter does; Valkey's own clock goes on meanwhile, hence the slow refills."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.cluster import RedisCluster

from orchstack.control_plane.adapters.in_memory_limiter import InMemoryRateLimiter
from orchstack.control_plane.adapters.valkey import ValkeyPart, ValkeyRateLimiter
from orchstack.control_plane.ports import RateLimiter
from orchstack.kernel.cache import connect
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import CacheSettings
from orchstack.kernel.tenancy import RequestLimits
from orchstack.local.ports import free_port


@pytest.fixture(params=["memory", "valkey"])
def limiter(request: pytest.FixtureRequest) -> RateLimiter:
    """The limiter, in memory and in Valkey."""
    if request.param == "memory":
        return InMemoryRateLimiter(time.time)
    cache: RedisCluster = request.getfixturevalue("cache")
    return ValkeyRateLimiter(lambda: cache)


def _limits(tenant: int, key: int) -> RequestLimits:
    return RequestLimits(requests_per_minute=tenant, requests_per_minute_per_key=key)


def test_a_key_has_its_own_limit_inside_the_tenants(limiter: RateLimiter) -> None:
    """One key cannot use up what the tenant has; all keys together can."""
    tenant_id, first, second = new_id(), new_id(), new_id()
    limits = _limits(3, 2)

    verdicts = [limiter.take(tenant_id, key, limits) for key in (first,) * 3 + (second,) * 2]

    assert [True, True, False, True, False] == [verdict.admitted for verdict in verdicts]


def test_a_refused_request_takes_nothing(limiter: RateLimiter) -> None:
    """What a refused key did not get, another key of the tenant can have."""
    tenant_id, greedy, modest = new_id(), new_id(), new_id()
    limits = _limits(3, 1)
    for _ in range(5):
        limiter.take(tenant_id, greedy, limits)

    verdict = limiter.take(tenant_id, modest, limits)

    assert verdict.admitted
    assert [1, 0] == [round(allowance.tokens) for allowance in verdict.allowances]


def test_tenants_do_not_share(limiter: RateLimiter) -> None:
    """A tenant at its limit is nobody else's trouble."""
    limits = _limits(1, 1)
    busy, quiet = new_id(), new_id()
    limiter.take(busy, new_id(), limits)

    assert not limiter.take(busy, new_id(), limits).admitted
    assert limiter.take(quiet, new_id(), limits).admitted


def test_the_allowances_name_both_limits(limiter: RateLimiter) -> None:
    """Tenant first, then key, with quota and what is left."""
    verdict = limiter.take(new_id(), new_id(), _limits(20, 10))

    told = [(a.name, a.quota, round(a.tokens)) for a in verdict.allowances]

    assert [("tenant", 20, 19), ("key", 10, 9)] == told


def test_a_revoked_key_is_refused_at_once(limiter: RateLimiter) -> None:
    """And no other key with it."""
    tenant_id, revoked, other = new_id(), new_id(), new_id()
    limiter.revoke(tenant_id, revoked)

    assert limiter.take(tenant_id, revoked, RequestLimits()).revoked
    assert not limiter.take(tenant_id, other, RequestLimits()).revoked


def test_no_more_than_the_burst_and_the_refill_pass(limiter: RateLimiter) -> None:
    """Eight callers at once get what the quota allows, and nothing beyond it."""
    tenant_id, key_id, quota = new_id(), new_id(), 120
    limits = _limits(quota, 1_000)
    started = time.monotonic()

    with ThreadPoolExecutor(8) as callers:
        attempts = callers.map(lambda _: limiter.take(tenant_id, key_id, limits), range(400))
        admitted = sum(verdict.admitted for verdict in attempts)

    assert quota <= admitted <= quota + (time.monotonic() - started) * quota / 60


def test_the_bucket_refills_evenly(limiter: RateLimiter) -> None:
    """Of 6,000 a minute, a hundred come back each second and no more."""
    tenant_id, key_id, limits = new_id(), new_id(), _limits(6_000, 6_000)
    started = time.monotonic()
    taken = [limiter.take(tenant_id, key_id, limits).allowances[0].tokens for _ in range(50)]
    time.sleep(0.1)

    left = limiter.take(tenant_id, key_id, limits).allowances[0].tokens

    elapsed = time.monotonic() - started
    assert taken[-1] - 1 + 0.1 * 100 <= left + 0.01
    assert left <= 6_000 - 51 + elapsed * 100 + 0.01


def test_every_key_in_valkey_is_the_tenants_and_ends(cache: RedisCluster) -> None:
    """Each has the tenant's hash tag and a time to live, so that nothing stays for ever."""
    tenant_id, key_id = new_id(), new_id()
    limiter = ValkeyRateLimiter(lambda: cache)
    limiter.take(tenant_id, key_id, RequestLimits())
    limiter.revoke(tenant_id, key_id)

    names = list(cache.scan_iter("*"))

    assert 3 == len(names)
    assert all(name.startswith(f"{{{tenant_id}}}:") for name in names)
    assert all(0 < cache.ttl(name) <= 300 for name in names)


def test_a_script_that_valkey_forgot_is_sent_again(cache: RedisCluster) -> None:
    """A restarted Valkey costs one more round trip, not an error."""
    limiter = ValkeyRateLimiter(lambda: cache)
    limiter.take(new_id(), new_id(), RequestLimits())
    cache.script_flush()

    assert limiter.take(new_id(), new_id(), RequestLimits()).admitted


def test_an_absent_valkey_is_told_as_unavailable() -> None:
    """Nothing of the client library gets out."""
    settings = CacheSettings(host="127.0.0.1", port=free_port(), tls=False, timeout_s=0.2)
    limiter = ValkeyRateLimiter(lambda: connect(settings))
    asks: tuple[Callable[[], object], ...] = (
        lambda: limiter.take(new_id(), new_id(), RequestLimits()),
        lambda: limiter.revoke(new_id(), new_id()),
        ValkeyPart(lambda: connect(settings)).check,
    )

    for ask in asks:
        with pytest.raises(Unavailable):
            ask()
