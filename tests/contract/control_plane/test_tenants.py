"""What every store of tenants does."""

from __future__ import annotations

import pytest

from orchstack.kernel.tenancy import PLATFORM_TENANT, RequestLimits
from tests import make
from tests.contract.control_plane.worlds import World, a_key, a_tenant


def test_tenants_come_newest_first(world: World) -> None:
    """A page begins below the id it is given and holds what was kept."""
    limits = RequestLimits(requests_per_minute=7, requests_per_minute_per_key=3)
    first, second, third = (a_tenant(name, limits) for name in ("a", "b", "c"))
    for tenant in (first, second, third):
        world.tenants.add(tenant)

    newest_first = sorted((first, second, third), key=lambda tenant: tenant.id, reverse=True)

    assert newest_first[:2] == world.tenants.page(limit=2, before=None)
    assert newest_first[2:] == world.tenants.page(limit=2, before=newest_first[1].id)


def test_the_platform_is_no_tenant(world: World) -> None:
    """The platform's own row is not listed."""
    world.platform_keys.ensure(a_key(), bytes(32))

    assert [] == world.tenants.page(limit=10, before=None)


def test_a_failed_creation_leaves_nothing(world: World) -> None:
    """Tenant, key and announcement are one change."""
    tenant = a_tenant()

    def create_and_fail() -> None:
        with world.tenants.transaction(PLATFORM_TENANT):
            world.tenants.add(tenant)
            world.tenants.add_key(tenant.id, a_key(), bytes(32))
            world.tenants.announce(PLATFORM_TENANT, make.announcement(tenant.id))
            raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        create_and_fail()

    assert [] == world.tenants.page(limit=10, before=None)
    assert 0 == world.announced(tenant.id)
    assert world.credentials.find(tenant.id, bytes(32)) is None


def test_a_creation_announces_itself_to_the_new_tenant(world: World) -> None:
    """What the platform writes about a tenant is in the tenant's own list."""
    tenant = a_tenant()
    with world.tenants.transaction(PLATFORM_TENANT):
        world.tenants.add(tenant)
        world.tenants.announce(PLATFORM_TENANT, make.announcement(tenant.id))

    assert 1 == world.announced(tenant.id)
