"""The gate that every authenticated request passes."""

from __future__ import annotations

import pytest

from orchstack.kernel.errors import RateLimited, Unauthenticated
from orchstack.kernel.observability import logger
from orchstack.kernel.tenancy import Principal, RequestLimits, Scope
from tests.unit.control_plane.world import ControlPlane

TWO = RequestLimits(requests_per_minute=10, requests_per_minute_per_key=2)


@pytest.fixture
def caller(plane: ControlPlane) -> Principal:
    """The holder of a key that may ask twice a minute."""
    return plane.tenant(TWO)[1]


def test_an_admitted_request_is_told_what_is_left(plane: ControlPlane, caller: Principal) -> None:
    """Both limits, in the form of the draft."""
    assert {
        "RateLimit-Policy": '"tenant";q=10;w=60, "key";q=2;w=60',
        "RateLimit": '"tenant";r=9;t=6, "key";r=1;t=30',
    } == plane.gate.admit(caller)


def test_a_request_too_many_is_told_when_to_come_back(
    plane: ControlPlane, caller: Principal
) -> None:
    """And whoever waits that long is admitted."""
    plane.gate.admit(caller)
    plane.gate.admit(caller)

    with pytest.raises(RateLimited) as refusal:
        plane.gate.admit(caller)

    assert 30 == refusal.value.retry_after_s
    assert '"tenant";r=8;t=12, "key";r=0;t=60' == refusal.value.headers["RateLimit"]
    plane.clock.advance(30)
    assert plane.gate.admit(caller)


def test_a_revoked_key_is_refused_although_it_was_verified(
    plane: ControlPlane, caller: Principal
) -> None:
    """The authorizer's answer may be a minute old."""
    plane.keys.revoke(caller, caller.key_id)

    with pytest.raises(Unauthenticated, match="revoked"):
        plane.gate.admit(caller)


def test_a_key_expires_although_it_was_verified(plane: ControlPlane, caller: Principal) -> None:
    """To the second, whatever is cached."""
    brief = plane.key(caller, Scope.RUNS_READ, expires_in_s=60)
    plane.gate.admit(brief)
    plane.clock.advance(60)

    with pytest.raises(Unauthenticated, match="expired"):
        plane.gate.admit(brief)


def test_without_the_cache_good_keys_pass_unlimited(
    plane: ControlPlane,
    caller: Principal,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit is waived, and the log says so."""
    monkeypatch.setattr(logger, "propagate", True)
    plane.limiter.away = True

    answers = [plane.gate.admit(caller) for _ in range(5)]

    assert [{}] * 5 == answers
    assert {"the cache is away: requests pass without a rate limit"} == set(caplog.messages)


def test_without_the_cache_a_revoked_key_is_refused_by_its_row(
    plane: ControlPlane, caller: Principal
) -> None:
    """Identity fails closed."""
    plane.limiter.away = True
    plane.keys.revoke(caller, caller.key_id)

    with pytest.raises(Unauthenticated, match="revoked"):
        plane.gate.admit(caller)


def test_the_cache_is_tried_again_after_a_pause(plane: ControlPlane, caller: Principal) -> None:
    """Five seconds later, limits hold again."""
    plane.limiter.away = True
    plane.gate.admit(caller)
    plane.limiter.away = False

    assert {} == plane.gate.admit(caller)
    plane.clock.advance(5)
    assert plane.gate.admit(caller)
