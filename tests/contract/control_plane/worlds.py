"""The control plane's stores, once in memory and once for real, to hold them to one contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from orchstack.control_plane.adapters.in_memory import (
    InMemoryCredentials,
    InMemoryKeys,
    InMemoryPlatformKeys,
    InMemoryTenants,
    Memory,
)
from orchstack.control_plane.adapters.in_memory_agents import InMemoryAgents
from orchstack.control_plane.adapters.in_memory_canaries import InMemoryCanaries
from orchstack.control_plane.adapters.postgres import (
    PostgresAgents,
    PostgresKeys,
    PostgresPlatformKeys,
    PostgresTenants,
)
from orchstack.control_plane.adapters.postgres_canaries import PostgresCanaries
from orchstack.control_plane.adapters.postgres_credentials import PostgresCredentials
from orchstack.control_plane.documents import digest_of
from orchstack.control_plane.model.agents import AgentVersion
from orchstack.control_plane.model.tenants import ApiKey, Tenant, TenantStatus
from orchstack.control_plane.ports import Agents, Canaries, Credentials, Keys, PlatformKeys, Tenants
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import RequestLimits, Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """All stores over the same state; `announced` counts a tenant's events."""

    tenants: Tenants
    keys: Keys
    agents: Agents
    canaries: Canaries
    platform_keys: PlatformKeys
    credentials: Credentials
    announced: Callable[[UUID], int]


def in_memory() -> World:
    """Make a world in memory."""
    memory = Memory()

    def announced(tenant_id: UUID) -> int:
        events = [e for a in memory.tables.announcements for e in a.events]
        return sum(event.tenantid == tenant_id for event in events)

    return World(
        InMemoryTenants(memory),
        InMemoryKeys(memory),
        InMemoryAgents(memory),
        InMemoryCanaries(memory),
        InMemoryPlatformKeys(memory),
        InMemoryCredentials(memory),
        announced,
    )


def in_postgres(database: Database, platform: Database) -> World:
    """Make a world in PostgreSQL."""

    def announced(tenant_id: UUID) -> int:
        with database.transaction(tenant_id) as tx:
            return len(tx.all("select event_id from app.outbox"))

    return World(
        PostgresTenants(platform),
        PostgresKeys(database),
        PostgresAgents(database),
        PostgresCanaries(database),
        PostgresPlatformKeys(platform),
        PostgresCredentials(database),
        announced,
    )


def a_tenant(name: str = "Acme", limits: RequestLimits | None = None) -> Tenant:
    """Make a tenant."""
    return Tenant(
        id=new_id(),
        name=name,
        status=TenantStatus.ACTIVE,
        limits=limits or RequestLimits(),
        created_at=NOW,
    )


def a_key(*scopes: Scope, expires_at: datetime | None = None) -> ApiKey:
    """Make a key that may read agents, unless told otherwise."""
    return ApiKey(
        id=new_id(),
        name="test",
        environment="live",
        scopes=scopes or (Scope.AGENTS_READ,),
        created_at=NOW,
        expires_at=expires_at,
        revoked_at=None,
    )


def a_version(document: AgentDocument, number: int = 1) -> AgentVersion:
    """Make a version of an agent."""
    return AgentVersion(
        agent=document.name,
        version=number,
        digest=digest_of(document),
        aliases=(),
        published_at=NOW,
        published_by="key:test",
        document=document,
    )


def added(world: World) -> UUID:
    """Add a tenant; gives its id."""
    tenant = a_tenant()
    world.tenants.add(tenant)
    return tenant.id
