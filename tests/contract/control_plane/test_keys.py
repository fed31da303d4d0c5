"""What every store of keys does, and every look-up of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from orchstack.control_plane.model.tenants import ApiKey
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import PLATFORM_TENANT, RequestLimits, Scope
from tests.contract.control_plane.worlds import NOW, World, a_key, a_tenant, added

DIGEST = bytes(range(32))
OTHER_DIGEST = bytes(range(1, 33))


def test_a_key_is_found_by_its_digest(world: World) -> None:
    """The look-up gives the principal, with the limits of the tenant's plan."""
    tenant = a_tenant(limits=RequestLimits(requests_per_minute=9, requests_per_minute_per_key=4))
    world.tenants.add(tenant)
    key = a_key(Scope.RUNS_READ, Scope.RUNS_WRITE, expires_at=NOW + timedelta(days=1))
    world.keys.add(tenant.id, key, DIGEST)

    found = world.credentials.find(tenant.id, DIGEST)

    assert found is not None
    assert not found.revoked
    assert (tenant.id, key.id) == (found.principal.tenant_id, found.principal.key_id)
    assert {Scope.RUNS_READ, Scope.RUNS_WRITE} == found.principal.scopes
    assert tenant.limits == found.principal.limits
    assert key.expires_at == found.principal.expires_at


def test_a_key_is_found_in_its_own_tenant_only(world: World) -> None:
    """A claim on another tenant finds nothing, as an unknown digest does."""
    mine, other = added(world), added(world)
    world.keys.add(mine, a_key(), DIGEST)

    assert world.credentials.find(other, DIGEST) is None
    assert world.credentials.find(new_id(), DIGEST) is None
    assert world.credentials.find(mine, OTHER_DIGEST) is None


def test_keys_come_newest_first(world: World) -> None:
    """A page begins below the id it is given, and other tenants' keys are not in it."""
    mine, other = added(world), added(world)
    keys = [a_key() for _ in range(3)]
    for number, key in enumerate(keys):
        world.keys.add(mine, key, bytes([number]) * 32)
    world.keys.add(other, a_key(), DIGEST)
    newest_first = sorted(keys, key=lambda key: key.id, reverse=True)

    assert newest_first[:2] == world.keys.page(mine, limit=2, before=None)
    assert newest_first[2:] == world.keys.page(mine, limit=2, before=newest_first[1].id)


def test_a_revoked_key_stays_and_is_known_as_revoked(world: World) -> None:
    """Revoking dates the key; the look-up tells, and the gate's question is answered with no."""
    tenant_id, key = _with_key(world)
    with world.keys.transaction(tenant_id):
        world.keys.revoke(tenant_id, key.id, NOW)

    found = world.credentials.find(tenant_id, DIGEST)

    assert found is not None
    assert found.revoked
    assert [NOW] == [k.revoked_at for k in world.keys.page(tenant_id, limit=9, before=None)]
    assert not world.credentials.valid(tenant_id, key.id, NOW)


def test_another_tenants_key_cannot_be_locked(world: World) -> None:
    """It looks as if it were not there."""
    _, key = _with_key(world)
    other = added(world)

    with world.keys.transaction(other):
        assert world.keys.lock(other, key.id) is None


@pytest.mark.parametrize(("lifetime", "valid"), [(None, True), (1, True), (0, False)])
def test_a_key_is_valid_until_it_expires(world: World, lifetime: int | None, valid: bool) -> None:
    """The moment of expiry is already too late."""
    expires_at = None if lifetime is None else NOW + timedelta(seconds=lifetime)
    tenant_id, key = _with_key(world, a_key(expires_at=expires_at))

    assert valid == world.credentials.valid(tenant_id, key.id, NOW)


def test_the_platform_key_is_made_once(world: World) -> None:
    """Ensuring it again changes nothing."""
    first = a_key(Scope.PLATFORM_ADMIN)

    assert world.platform_keys.ensure(first, DIGEST)
    assert not world.platform_keys.ensure(a_key(Scope.PLATFORM_ADMIN), DIGEST)
    assert [first.id] == [k.id for k in world.keys.page(PLATFORM_TENANT, limit=9, before=None)]


def test_a_new_platform_key_retires_the_old_one(world: World) -> None:
    """A rotated secret is the only way in; keys the administrator made are left alone."""
    world.platform_keys.ensure(a_key(Scope.PLATFORM_ADMIN), DIGEST)
    world.keys.add(PLATFORM_TENANT, a_key(Scope.PLATFORM_ADMIN), bytes(32))
    world.platform_keys.ensure(a_key(Scope.PLATFORM_ADMIN), OTHER_DIGEST)

    found = [world.credentials.find(PLATFORM_TENANT, d) for d in (DIGEST, OTHER_DIGEST, bytes(32))]

    assert [True, False, False] == [c.revoked for c in found if c is not None]


def _with_key(world: World, key: ApiKey | None = None) -> tuple[UUID, ApiKey]:
    tenant_id, kept = added(world), key or a_key()
    world.keys.add(tenant_id, kept, DIGEST)
    return tenant_id, kept
