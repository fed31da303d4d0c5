"""The control plane's world in memory, with the behaviour of the real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from orchstack.control_plane.model.agents import AgentVersion
from orchstack.control_plane.model.canaries import Canary
from orchstack.control_plane.model.tenants import ApiKey, Credential, Tenant, TenantStatus
from orchstack.kernel.events import Announcement
from orchstack.kernel.tenancy import PLATFORM_TENANT, Principal, RequestLimits


@dataclass
class StoredKey:
    """A key as its table holds it."""

    key: ApiKey
    digest: bytes
    bootstrap: bool = False


@dataclass
class StoredAgent:
    """An agent with all that belongs to it."""

    created_at: datetime
    updated_at: datetime
    versions: dict[int, AgentVersion] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)


@dataclass
class StoredCanary:
    """A canary and the runs it has counted."""

    canary: Canary
    runs: set[UUID] = field(default_factory=set)


@dataclass
class Tables:
    """What is kept; a transaction that fails puts a copy back."""

    tenants: dict[UUID, Tenant] = field(default_factory=dict)
    keys: dict[UUID, dict[UUID, StoredKey]] = field(default_factory=dict)
    agents: dict[UUID, dict[str, StoredAgent]] = field(default_factory=dict)
    canaries: dict[UUID, list[StoredCanary]] = field(default_factory=dict)
    announcements: list[Announcement] = field(default_factory=list)


class Memory:
    """The tables that the in-memory records share."""

    def __init__(self) -> None:
        """Start empty."""
        self.tables = Tables()
        self._lock = threading.RLock()
        self._open_for: UUID | None = None

    @contextmanager
    def transaction(self, tenant_id: UUID) -> Iterator[None]:
        """Put everything back on an error; a transaction inside another one joins it."""
        with self._lock:
            if self._open_for is not None:
                if self._open_for != tenant_id:
                    raise RuntimeError("a transaction of another tenant is open")
                yield
                return
            before = deepcopy(self.tables)
            self._open_for = tenant_id
            try:
                yield
            except BaseException:
                self.tables = before
                raise
            finally:
                self._open_for = None


class InMemoryRecords:
    """Transactions, and announcements written inside them."""

    def __init__(self, memory: Memory) -> None:
        """Take the tables."""
        self._memory = memory

    @property
    def tables(self) -> Tables:
        """What is kept."""
        return self._memory.tables

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[None]:
        """Open a transaction of the tenant, or join the one that is open."""
        return self._memory.transaction(tenant_id)

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Keep the announcement."""
        with self._memory.transaction(tenant_id):
            self.tables.announcements.append(announcement)


class InMemoryTenants(InMemoryRecords):
    """Tenants in a dictionary."""

    def add(self, tenant: Tenant) -> None:
        """Keep a new tenant."""
        self.tables.tenants[tenant.id] = tenant

    def add_key(self, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
        """Keep a new tenant's first key."""
        self.tables.keys.setdefault(tenant_id, {})[key.id] = StoredKey(key, digest)

    def page(self, *, limit: int, before: UUID | None) -> list[Tenant]:
        """Give tenants in descending order of id; the platform itself is none."""
        found = [
            tenant
            for tenant in self.tables.tenants.values()
            if tenant.id != PLATFORM_TENANT and (before is None or tenant.id < before)
        ]
        return sorted(found, key=lambda tenant: tenant.id, reverse=True)[:limit]


class InMemoryKeys(InMemoryRecords):
    """API keys in a dictionary for each tenant."""

    def add(self, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
        """Keep a new key."""
        self.tables.keys.setdefault(tenant_id, {})[key.id] = StoredKey(key, digest)

    def lock(self, tenant_id: UUID, key_id: UUID) -> ApiKey | None:
        """Give a key; the transaction's lock is on everything."""
        stored = self.tables.keys.get(tenant_id, {}).get(key_id)
        return None if stored is None else stored.key

    def revoke(self, tenant_id: UUID, key_id: UUID, at: datetime) -> None:
        """Mark a key as revoked."""
        stored = self.tables.keys[tenant_id][key_id]
        stored.key = stored.key.model_copy(update={"revoked_at": at})

    def page(self, tenant_id: UUID, *, limit: int, before: UUID | None) -> list[ApiKey]:
        """Give keys in descending order of id."""
        found = [
            stored.key
            for stored in self.tables.keys.get(tenant_id, {}).values()
            if before is None or stored.key.id < before
        ]
        return sorted(found, key=lambda key: key.id, reverse=True)[:limit]


class InMemoryPlatformKeys(InMemoryRecords):
    """The platform's first key."""

    def ensure(self, key: ApiKey, digest: bytes) -> bool:
        """Make the platform and this key of it, and revoke its predecessors."""
        self.tables.tenants.setdefault(
            PLATFORM_TENANT,
            Tenant(
                id=PLATFORM_TENANT,
                name="platform",
                status=TenantStatus.ACTIVE,
                limits=RequestLimits(requests_per_minute=6_000, requests_per_minute_per_key=6_000),
                created_at=key.created_at,
            ),
        )
        keys = self.tables.keys.setdefault(PLATFORM_TENANT, {})
        for stored in keys.values():
            if stored.bootstrap and stored.digest != digest and stored.key.revoked_at is None:
                stored.key = stored.key.model_copy(update={"revoked_at": key.created_at})
        if any(stored.digest == digest for stored in keys.values()):
            return False
        keys[key.id] = StoredKey(key, digest, bootstrap=True)
        return True


class InMemoryCredentials:
    """The look-up over the same tables."""

    def __init__(self, memory: Memory) -> None:
        """Take the tables."""
        self._memory = memory

    def find(self, tenant_id: UUID, digest: bytes) -> Credential | None:
        """Give the key with this digest, if the tenant has it."""
        tables = self._memory.tables
        for stored in tables.keys.get(tenant_id, {}).values():
            if stored.digest == digest:
                tenant, key = tables.tenants[tenant_id], stored.key
                principal = Principal(
                    tenant_id=tenant_id,
                    key_id=key.id,
                    environment=key.environment,
                    scopes=frozenset(key.scopes),
                    expires_at=key.expires_at,
                    limits=tenant.limits,
                )
                return Credential(
                    principal=principal,
                    revoked=key.revoked_at is not None,
                    tenant_status=tenant.status,
                )
        return None

    def valid(self, tenant_id: UUID, key_id: UUID, now: datetime) -> bool:
        """Whether a key of an active tenant is neither revoked nor expired."""
        stored = self._memory.tables.keys.get(tenant_id, {}).get(key_id)
        if stored is None or stored.key.revoked_at is not None:
            return False
        active = self._memory.tables.tenants[tenant_id].status is TenantStatus.ACTIVE
        return active and (stored.key.expires_at is None or stored.key.expires_at > now)
