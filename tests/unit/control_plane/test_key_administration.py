"""Making, listing and revoking keys."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchstack.kernel.errors import Forbidden, NotFound
from orchstack.kernel.ids import new_id
from orchstack.kernel.pagination import PageQuery
from orchstack.kernel.tenancy import Principal, Scope
from tests.unit.control_plane.world import ControlPlane


@pytest.fixture
def owner(plane: ControlPlane) -> Principal:
    """The holder of a tenant's first key."""
    return plane.tenant()[1]


def test_a_key_has_the_scopes_it_was_given(plane: ControlPlane, owner: Principal) -> None:
    """Each once, however often it was named."""
    made = plane.key(owner, Scope.RUNS_READ, Scope.RUNS_READ, Scope.AGENTS_READ)

    assert {Scope.RUNS_READ, Scope.AGENTS_READ} == made.scopes
    assert owner.tenant_id == made.tenant_id


def test_a_key_cannot_pass_on_what_it_lacks(plane: ControlPlane, owner: Principal) -> None:
    """Neither another scope of the tenant's nor the platform's."""
    clerk = plane.key(owner, Scope.KEYS_WRITE, Scope.RUNS_READ)

    with pytest.raises(Forbidden, match="agents:write"):
        plane.key(clerk, Scope.AGENTS_WRITE, Scope.RUNS_READ)
    with pytest.raises(Forbidden, match="platform:admin"):
        plane.key(owner, Scope.PLATFORM_ADMIN)


def test_a_test_key_makes_test_keys_only(plane: ControlPlane, owner: Principal) -> None:
    """Which it does unless told otherwise; a live key makes both."""
    tester = plane.key(owner, Scope.KEYS_WRITE, environment="test")

    assert "test" == tester.environment
    assert "test" == plane.key(tester, Scope.KEYS_WRITE).environment
    with pytest.raises(Forbidden, match="live"):
        plane.key(tester, Scope.KEYS_WRITE, environment="live")


def test_a_key_does_not_outlive_its_maker(plane: ControlPlane, owner: Principal) -> None:
    """A key that expires cannot make itself a successor."""
    guest = plane.key(owner, Scope.KEYS_WRITE, expires_in_s=3_600)

    assert plane.clock.now() + timedelta(hours=1) == guest.expires_at
    assert guest.expires_at == plane.key(guest, Scope.KEYS_WRITE).expires_at
    with pytest.raises(Forbidden, match="outlive"):
        plane.key(guest, Scope.KEYS_WRITE, expires_in_s=3_601)


def test_a_refused_key_leaves_nothing(plane: ControlPlane, owner: Principal) -> None:
    """No row, no event, no audit entry."""
    before = plane.keys.page(owner.tenant_id, PageQuery()), len(plane.memory.tables.announcements)

    with pytest.raises(Forbidden):
        plane.key(owner, Scope.PLATFORM_ADMIN)

    after = plane.keys.page(owner.tenant_id, PageQuery()), len(plane.memory.tables.announcements)
    assert before == after


def test_a_revoked_key_is_dated_announced_and_marked(plane: ControlPlane, owner: Principal) -> None:
    """The gate's store knows at once; the event names the key."""
    guest = plane.key(owner, Scope.RUNS_READ)

    revoked = plane.keys.revoke(owner, guest.key_id)

    assert plane.clock.now() == revoked.revoked_at
    assert plane.limiter.take(owner.tenant_id, guest.key_id, guest.limits).revoked
    last = plane.memory.tables.announcements[-1]
    assert [f"keys/{guest.key_id}"] == [event.subject for event in last.events]
    assert "key.revoke" == plane.audited(owner.tenant_id)[-1]


def test_revoking_twice_changes_nothing(plane: ControlPlane, owner: Principal) -> None:
    """The first date stays and nothing is announced again; the mark is set anew."""
    guest = plane.key(owner, Scope.RUNS_READ)
    first = plane.keys.revoke(owner, guest.key_id)
    announced = len(plane.memory.tables.announcements)
    plane.clock.advance(60)

    assert first == plane.keys.revoke(owner, guest.key_id)
    assert announced == len(plane.memory.tables.announcements)


def test_a_key_is_revoked_although_the_cache_is_away(plane: ControlPlane, owner: Principal) -> None:
    """The row counts; the gate reads it while it has no cache."""
    guest = plane.key(owner, Scope.RUNS_READ)
    plane.limiter.away = True

    assert plane.keys.revoke(owner, guest.key_id).revoked_at is not None


def test_another_tenants_key_is_not_there(plane: ControlPlane, owner: Principal) -> None:
    """Refused in the same words as one that never was, and left alone."""
    _, stranger = plane.tenant()

    with pytest.raises(NotFound) as foreign:
        plane.keys.revoke(stranger, owner.key_id)
    with pytest.raises(NotFound) as absent:
        plane.keys.revoke(stranger, new_id())

    assert absent.value.detail == foreign.value.detail
    assert [None] == [k.revoked_at for k in plane.keys.page(owner.tenant_id, PageQuery()).items]
