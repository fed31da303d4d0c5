"""From the text of a key to a principal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from orchstack.control_plane.keys import make_key
from orchstack.control_plane.model.tenants import Credential, TenantStatus
from orchstack.control_plane.service.authenticator import Authenticator
from orchstack.kernel.errors import Unauthenticated, Unavailable
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Scope
from tests.unit.control_plane.world import ControlPlane


@dataclass
class CountingCredentials:
    """A look-up that knows nobody and counts who asks."""

    asked: list[UUID] = field(default_factory=list)
    away: bool = False

    def find(self, tenant_id: UUID, digest: bytes) -> Credential | None:
        """Find nothing."""
        del digest
        if self.away:
            raise Unavailable
        self.asked.append(tenant_id)
        return None

    def valid(self, tenant_id: UUID, key_id: UUID, now: object) -> bool:
        """Know nobody."""
        del tenant_id, key_id, now
        return False


def _suspended(plane: ControlPlane) -> str | None:
    issued, _ = plane.tenant()
    tenants = plane.memory.tables.tenants
    suspended = issued.tenant.model_copy(update={"status": TenantStatus.SUSPENDED})
    tenants[issued.tenant.id] = suspended
    return issued.first_key.secret


def _revoked(plane: ControlPlane) -> str | None:
    issued, owner = plane.tenant()
    plane.keys.revoke(owner, owner.key_id)
    return issued.first_key.secret


def _expired(plane: ControlPlane) -> str | None:
    _, owner = plane.tenant()
    made = plane.keys.create(
        owner, name="brief", scopes=[Scope.RUNS_READ], environment=None, expires_in_s=60
    )
    plane.clock.advance(60)
    return made.secret


def _mistyped(plane: ControlPlane) -> str | None:
    secret = plane.tenant()[0].first_key.secret or ""
    return secret[:-1] + ("0" if secret[-1] != "0" else "1")


@pytest.mark.parametrize(
    "key_of",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "os_live_",
        lambda _: make_key(new_id(), "live"),
        lambda plane: make_key(plane.tenant()[0].tenant.id, "live"),
        _mistyped,
        _revoked,
        _expired,
        _suspended,
    ],
)
def test_whatever_is_wrong_is_refused_in_one_word(
    plane: ControlPlane, key_of: Callable[[ControlPlane], str | None]
) -> None:
    """None, malformed, unknown, mistyped, revoked, expired or suspended: the same refusal."""
    with pytest.raises(Unauthenticated) as refusal:
        plane.authenticator.authenticate(key_of(plane))

    assert "Unauthorized" == str(refusal.value)


def test_unknown_keys_cost_one_look_up_each(plane: ControlPlane) -> None:
    """Of a tenant that exists or not, so that time tells nothing; a malformed one costs none."""
    credentials = CountingCredentials()
    authenticator = Authenticator(credentials, plane.clock)
    tenants = [new_id(), plane.tenant()[0].tenant.id]

    for text in (*(make_key(tenant, "live") for tenant in tenants), "os_live_x"):
        with pytest.raises(Unauthenticated):
            authenticator.authenticate(text)

    assert tenants == credentials.asked


def test_a_database_that_is_away_is_no_refusal(plane: ControlPlane) -> None:
    """A good key must not look bad because nothing can be told."""
    authenticator = Authenticator(CountingCredentials(away=True), plane.clock)

    with pytest.raises(Unavailable):
        authenticator.authenticate(make_key(new_id(), "live"))
