"""Tenants: made and listed by the administrator of the installation."""

from __future__ import annotations

from uuid import UUID

from orchstack.control_plane.keys import key_digest, make_key
from orchstack.control_plane.model.tenants import (
    ApiKey,
    IssuedKey,
    IssuedTenant,
    Tenant,
    TenantCreated,
    TenantStatus,
)
from orchstack.control_plane.ports import Tenants
from orchstack.control_plane.service.announcing import Announcer, actor_of, key_created
from orchstack.kernel.clock import Clock
from orchstack.kernel.events import Announcement
from orchstack.kernel.ids import new_id
from orchstack.kernel.pagination import Page, PageQuery, paginate, position_of
from orchstack.kernel.tenancy import PLATFORM_TENANT, TENANT_SCOPES, Principal, RequestLimits

_LISTING = "tenants"
_FIRST_KEY = "first key"


class TenantAdministration:
    """Makes and lists tenants; its store acts as the platform role."""

    def __init__(self, tenants: Tenants, clock: Clock) -> None:
        """Take the store and the clock."""
        self._tenants = tenants
        self._clock = clock
        self._announcer = Announcer(clock)

    def create(self, principal: Principal, name: str, limits: RequestLimits) -> IssuedTenant:
        """Make a tenant with a key that carries every scope a tenant's key can carry."""
        now = self._clock.now()
        tenant = Tenant(
            id=new_id(), name=name, status=TenantStatus.ACTIVE, limits=limits, created_at=now
        )
        key = ApiKey(
            id=new_id(),
            name=_FIRST_KEY,
            environment="live",
            scopes=tuple(sorted(TENANT_SCOPES)),
            created_at=now,
            expires_at=None,
            revoked_at=None,
        )
        secret = make_key(tenant.id, key.environment)
        with self._tenants.transaction(PLATFORM_TENANT):
            self._tenants.add(tenant)
            self._tenants.add_key(tenant.id, key, key_digest(secret))
            self._tenants.announce(PLATFORM_TENANT, self._created(principal, tenant, key))
        return IssuedTenant(tenant=tenant, first_key=IssuedKey(key=key, secret=secret))

    def page(self, query: PageQuery) -> Page[Tenant]:
        """List the tenants, newest first."""
        before = position_of(query.cursor, _LISTING, UUID)
        return paginate(
            self._tenants.page(limit=query.limit + 1, before=before),
            limit=query.limit,
            listing=_LISTING,
            position=lambda tenant: str(tenant.id),
            item=lambda tenant: tenant,
        )

    def _created(self, principal: Principal, tenant: Tenant, key: ApiKey) -> Announcement:
        """Tell the new tenant of itself and its key; the platform's own log has a line as well."""
        actor = actor_of(principal)
        made = self._announcer.announcement(
            tenant.id,
            actor,
            "tenant.create",
            f"tenants/{tenant.id}",
            TenantCreated(tenant_id=tenant.id, name=tenant.name, limits=tenant.limits),
        )
        keyed = self._announcer.announcement(
            tenant.id, actor, "key.create", f"keys/{key.id}", key_created(key, actor)
        )
        own = self._announcer.entry(
            PLATFORM_TENANT, actor, "tenant.create", f"tenants/{tenant.id}", made.audit[0].facts
        )
        return Announcement(
            events=(*made.events, *keyed.events), audit=(*made.audit, *keyed.audit, own)
        )
