"""API keys: made, listed and revoked by those who hold one that may."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from orchstack.control_plane.keys import key_digest, make_key
from orchstack.control_plane.model.tenants import (
    ApiKey,
    Environment,
    IssuedKey,
    KeyCreated,
    KeyRevoked,
)
from orchstack.control_plane.ports import Keys, RateLimiter
from orchstack.control_plane.service.announcing import Announcer, actor_of, key_created
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import Forbidden, NotFound, Unavailable
from orchstack.kernel.ids import new_id
from orchstack.kernel.observability import logger
from orchstack.kernel.pagination import Page, PageQuery, paginate, position_of
from orchstack.kernel.tenancy import Principal, Scope

_LISTING = "keys"


class KeyAdministration:
    """Makes, lists and revokes the keys of a tenant."""

    def __init__(self, keys: Keys, limiter: RateLimiter, clock: Clock) -> None:
        """Take the store, the limiter that is told of revoked keys, and the clock."""
        self._keys = keys
        self._limiter = limiter
        self._clock = clock
        self._announcer = Announcer(clock)

    def create(
        self,
        principal: Principal,
        *,
        name: str,
        scopes: Collection[Scope],
        environment: Environment | None,
        expires_in_s: int | None,
    ) -> IssuedKey:
        """Make a key; raises Forbidden where it could do more, or live longer, than its maker."""
        now = self._clock.now()
        key = ApiKey(
            id=new_id(),
            name=name,
            environment=environment or principal.environment,
            scopes=tuple(sorted(set(scopes))),
            created_at=now,
            expires_at=_expiry(principal, now, expires_in_s),
            revoked_at=None,
        )
        _refuse_more_than_its_maker(principal, key)
        secret = make_key(principal.tenant_id, key.environment)
        with self._keys.transaction(principal.tenant_id):
            self._keys.add(principal.tenant_id, key, key_digest(secret))
            self._announce(principal, "key.create", key.id, key_created(key, actor_of(principal)))
        return IssuedKey(key=key, secret=secret)

    def page(self, tenant_id: UUID, query: PageQuery) -> Page[ApiKey]:
        """List the tenant's keys, newest first."""
        before = position_of(query.cursor, _LISTING, UUID)
        return paginate(
            self._keys.page(tenant_id, limit=query.limit + 1, before=before),
            limit=query.limit,
            listing=_LISTING,
            position=lambda key: str(key.id),
            item=lambda key: key,
        )

    def revoke(self, principal: Principal, key_id: UUID) -> ApiKey:
        """Revoke a key, then have the gate refuse it; raises NotFound."""
        with self._keys.transaction(principal.tenant_id):
            key = self._keys.lock(principal.tenant_id, key_id)
            if key is None:
                raise NotFound
            if key.revoked_at is None:
                now = self._clock.now()
                key = key.model_copy(update={"revoked_at": now})
                self._keys.revoke(principal.tenant_id, key_id, now)
                revoked = KeyRevoked(key_id=key_id, revoked_by=actor_of(principal))
                self._announce(principal, "key.revoke", key_id, revoked)
        self._tell_the_gate(principal.tenant_id, key_id)
        return key

    def _tell_the_gate(self, tenant_id: UUID, key_id: UUID) -> None:
        try:
            self._limiter.revoke(tenant_id, key_id)
        except Unavailable:
            # The row is committed. Without its cache the gate reads the row; with it, the key lives
            # until the authorizer's answer leaves API Gateway's cache, a minute at most.
            logger.warning("the cache was not told of a revoked key", extra={"key_id": key_id})

    def _announce(
        self, principal: Principal, action: str, key_id: UUID, data: KeyCreated | KeyRevoked
    ) -> None:
        tenant_id, actor = principal.tenant_id, actor_of(principal)
        self._keys.announce(
            tenant_id,
            self._announcer.announcement(tenant_id, actor, action, f"keys/{key_id}", data),
        )


def _expiry(principal: Principal, now: datetime, expires_in_s: int | None) -> datetime | None:
    """The end that was asked for; without one, the maker's own."""
    if expires_in_s is None:
        return principal.expires_at
    return now + timedelta(seconds=expires_in_s)


def _refuse_more_than_its_maker(principal: Principal, key: ApiKey) -> None:
    beyond = sorted(set(key.scopes) - principal.scopes)
    if beyond:
        raise Forbidden(f"Your key lacks what the new one asks for: {', '.join(beyond)}.")
    if principal.environment == "test" and key.environment == "live":
        raise Forbidden("A test key cannot make a live one; ask with a live key.")
    if principal.expires_at and key.expires_at and key.expires_at > principal.expires_at:
        raise Forbidden("The new key would outlive yours; let it expire earlier.")
