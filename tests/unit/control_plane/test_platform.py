"""The installation's first key."""

from __future__ import annotations

import pytest

from orchstack.control_plane.keys import platform_key
from orchstack.kernel.errors import Unauthenticated
from orchstack.kernel.tenancy import PLATFORM_TENANT, Scope
from tests.unit.control_plane.world import ControlPlane


def test_whoever_knows_the_secret_administers_the_platform(plane: ControlPlane) -> None:
    """Tenants and platform keys, but nothing that belongs to a tenant."""
    plane.platform.ensure("a random string")

    principal = plane.authenticator.authenticate(platform_key("a random string"))

    assert PLATFORM_TENANT == principal.tenant_id
    assert principal.may(Scope.PLATFORM_ADMIN)
    assert not principal.may(Scope.RUNS_READ)
    assert not principal.may(Scope.AGENTS_READ)


def test_nothing_happens_the_second_time(plane: ControlPlane) -> None:
    """Every deployment runs it; only the first is announced and audited."""
    plane.platform.ensure("a random string")
    plane.platform.ensure("a random string")

    assert ["control_plane.KeyCreated.v1"] == plane.announced(PLATFORM_TENANT)
    assert ["key.create"] == plane.audited(PLATFORM_TENANT)


def test_a_new_secret_locks_the_old_one_out(plane: ControlPlane) -> None:
    """Which is how the platform's key is rotated."""
    plane.platform.ensure("a random string")
    plane.platform.ensure("another random string")

    plane.authenticator.authenticate(platform_key("another random string"))
    with pytest.raises(Unauthenticated):
        plane.authenticator.authenticate(platform_key("a random string"))


def test_a_revoked_platform_key_stays_revoked(plane: ControlPlane) -> None:
    """A deployment does not let somebody in whom an administrator locked out."""
    plane.platform.ensure("a random string")
    principal = plane.authenticator.authenticate(platform_key("a random string"))
    plane.keys.revoke(principal, principal.key_id)

    plane.platform.ensure("a random string")

    with pytest.raises(Unauthenticated):
        plane.authenticator.authenticate(platform_key("a random string"))
