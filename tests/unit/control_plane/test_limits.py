"""Token buckets and the headers that tell of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchstack.control_plane import limits
from orchstack.control_plane.adapters.in_memory_limiter import InMemoryRateLimiter
from orchstack.control_plane.limits import Bucket
from orchstack.control_plane.model.tenants import Allowance
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import RequestLimits

PAUSES = st.lists(st.floats(0, 20), min_size=1, max_size=60)


@given(st.integers(1, 50), PAUSES)
def test_any_stretch_of_time_admits_burst_plus_refill(quota: int, pauses: list[float]) -> None:
    """Between any two requests, no more than q + q/60 * t pass, both included."""
    time = [1_000.0]
    limiter = InMemoryRateLimiter(lambda: time[0])
    tenant_id, key_id = new_id(), new_id()
    plan = RequestLimits(requests_per_minute=quota, requests_per_minute_per_key=1_000)
    admitted: list[float] = []
    for pause in pauses:
        time[0] += pause
        if limiter.take(tenant_id, key_id, plan).admitted:
            admitted.append(time[0])

    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= quota + (admitted[last] - start) * quota / 60 + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """Neither tokens nor a second refill of the same span."""
    bucket = Bucket(tokens=1, at=100)

    back = bucket.refilled(60, 50)

    assert bucket == back
    assert 2 == back.refilled(60, 101).tokens


def test_a_bucket_never_overflows() -> None:
    """A day of rest is worth one minute's quota."""
    assert 60 == Bucket(tokens=0, at=0).refilled(60, 86_400).tokens


def test_the_headers_follow_the_draft() -> None:
    """Whole requests that are left, and whole seconds until all are back."""
    allowances = [
        Allowance(name="tenant", quota=120, tokens=118.9),
        Allowance(name="key", quota=60, tokens=0.0),
    ]

    assert {
        "RateLimit-Policy": '"tenant";q=120;w=60, "key";q=60;w=60',
        "RateLimit": '"tenant";r=118;t=1, "key";r=0;t=60',
    } == limits.headers(allowances)


def test_the_wait_is_until_every_bucket_has_a_token() -> None:
    """The slowest bucket decides, and a caller who waits that long is let through."""
    allowances = [
        Allowance(name="tenant", quota=60, tokens=0.5),
        Allowance(name="key", quota=2, tokens=0.5),
    ]

    assert 15 == limits.retry_after_s(allowances)
