"""Making and listing tenants."""

from __future__ import annotations

import pytest

from orchstack.kernel.errors import InvalidCursor
from orchstack.kernel.pagination import PageQuery, encode_cursor
from orchstack.kernel.tenancy import PLATFORM_TENANT, TENANT_SCOPES, Scope
from tests.unit.control_plane.world import ControlPlane


def test_the_first_key_can_do_all_a_tenant_can(plane: ControlPlane) -> None:
    """It is a live key of the new tenant, and no platform key."""
    issued, principal = plane.tenant()

    assert issued.tenant.id == principal.tenant_id
    assert TENANT_SCOPES == principal.scopes
    assert Scope.PLATFORM_ADMIN not in principal.scopes


def test_a_tenant_is_announced_and_audited(plane: ControlPlane) -> None:
    """In its own log and in the platform's, without the secret."""
    issued, _ = plane.tenant()

    events = ["control_plane.TenantCreated.v1", "control_plane.KeyCreated.v1"]
    assert events == plane.announced(issued.tenant.id)
    assert ["tenant.create", "key.create"] == plane.audited(issued.tenant.id)
    assert ["tenant.create"] == plane.audited(PLATFORM_TENANT)
    assert str(issued.first_key.secret) not in repr(plane.memory.tables.announcements)


def test_what_is_stored_of_the_answer_has_no_secret(plane: ControlPlane) -> None:
    """A replay shows the tenant and the key, and null for the secret."""
    issued, _ = plane.tenant()

    stored = issued.without_secret()

    assert issued.tenant == stored.tenant
    assert stored.first_key.secret is None


def test_pages_join_to_the_whole(plane: ControlPlane) -> None:
    """Newest first, each tenant once, also when one is made between two pages."""
    made = [plane.tenant()[0].tenant for _ in range(5)]
    first = plane.tenants.page(PageQuery(limit=3))
    plane.tenant()

    second = plane.tenants.page(PageQuery(limit=3, cursor=first.next_cursor))

    assert sorted(t.id for t in made) == sorted(t.id for t in (*first.items, *second.items))
    assert first.has_more
    assert not second.has_more


@pytest.mark.parametrize("cursor", ["x", encode_cursor("keys", "1"), encode_cursor("tenants", "1")])
def test_a_foreign_cursor_is_refused(plane: ControlPlane, cursor: str) -> None:
    """Invented, of another listing, or naming no position."""
    with pytest.raises(InvalidCursor):
        plane.tenants.page(PageQuery(cursor=cursor))
