"""The control plane's records in PostgreSQL, each under its tenant's row-level security."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from orchstack.control_plane.model.agents import AgentSummary, AgentVersion, VersionSummary
from orchstack.control_plane.model.canaries import Route
from orchstack.control_plane.model.tenants import ApiKey, Tenant
from orchstack.kernel.agents import AgentLink, EffectiveAgent
from orchstack.kernel.db import outbox
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.events import Announcement
from orchstack.kernel.tenancy import PLATFORM_TENANT, RequestLimits

_SQL = load("orchstack.control_plane.adapters")


class PostgresRecords:
    """Transactions, and announcements written inside them."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[Transaction]:
        """Open a transaction of the tenant, or join the one that is open."""
        return self._database.transaction(tenant_id)

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Write to the outbox and the audit log."""
        with self._database.transaction(tenant_id) as tx:
            outbox.write(tx, announcement)


class PostgresTenants(PostgresRecords):
    """Tenants; the database must be that of the platform role."""

    def add(self, tenant: Tenant) -> None:
        """Keep a new tenant."""
        with self._database.transaction(PLATFORM_TENANT) as tx:
            row = tenant.model_dump(exclude={"limits"})
            tx.execute(_SQL["insert_tenant"], {**row, **tenant.limits.model_dump()})

    def add_key(self, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
        """Keep a new tenant's first key."""
        with self._database.transaction(PLATFORM_TENANT) as tx:
            _insert_key(tx, tenant_id, key, digest)

    def page(self, *, limit: int, before: UUID | None) -> list[Tenant]:
        """Give tenants in descending order of id; the platform itself is none."""
        parameters = {"platform": PLATFORM_TENANT, "before": before, "limit": limit}
        with self._database.transaction(PLATFORM_TENANT) as tx:
            return [_tenant(row) for row in tx.all(_SQL["page_of_tenants"], parameters)]


class PostgresKeys(PostgresRecords):
    """API keys."""

    def add(self, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
        """Keep a new key."""
        with self._database.transaction(tenant_id) as tx:
            _insert_key(tx, tenant_id, key, digest)

    def lock(self, tenant_id: UUID, key_id: UUID) -> ApiKey | None:
        """Give a key and lock its row."""
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["lock_key"], {"tenant_id": tenant_id, "id": key_id})
        return None if row is None else ApiKey.model_validate(row)

    def revoke(self, tenant_id: UUID, key_id: UUID, at: datetime) -> None:
        """Mark a key as revoked."""
        with self._database.transaction(tenant_id) as tx:
            tx.execute(_SQL["revoke_key"], {"tenant_id": tenant_id, "id": key_id, "at": at})

    def page(self, tenant_id: UUID, *, limit: int, before: UUID | None) -> list[ApiKey]:
        """Give keys in descending order of id."""
        parameters = {"tenant_id": tenant_id, "before": before, "limit": limit}
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["page_of_keys"], parameters)
        return [ApiKey.model_validate(row) for row in rows]


class PostgresAgents(PostgresRecords):
    """Agents, their versions and aliases."""

    def lock(self, tenant_id: UUID, agent: str) -> bool:
        """Lock the agent's row; False if there is none."""
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["lock_agent"], {"tenant_id": tenant_id, "agent": agent})
        return row is not None

    def create(self, tenant_id: UUID, agent: str, at: datetime) -> None:
        """Insert the agent's row, or lock it."""
        parameters = {"tenant_id": tenant_id, "agent": agent, "at": at}
        with self._database.transaction(tenant_id) as tx:
            tx.execute(_SQL["create_agent"], parameters)

    def add_version(self, tenant_id: UUID, version: AgentVersion) -> None:
        """Keep a new version."""
        row = version.model_dump(exclude={"document", "aliases"})
        document = version.document.model_dump_json()
        with self._database.transaction(tenant_id) as tx:
            tx.execute(
                _SQL["insert_version"], {**row, "tenant_id": tenant_id, "document": document}
            )

    def version_with(self, tenant_id: UUID, agent: str, digest: str) -> int | None:
        """Give the version that has this digest."""
        parameters = {"tenant_id": tenant_id, "agent": agent, "digest": digest}
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["version_with"], parameters)
        return None if row is None else int(row["version"])

    def latest(self, tenant_id: UUID, agent: str) -> int:
        """Give the highest version, 0 if there is none."""
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["latest_version"], {"tenant_id": tenant_id, "agent": agent})
        return 0 if row is None else int(row["version"])

    def point(self, tenant_id: UUID, agent: str, alias: str, version: int, at: datetime) -> None:
        """Set an alias and date the agent."""
        parameters = {
            "tenant_id": tenant_id,
            "agent": agent,
            "alias": alias,
            "version": version,
            "at": at,
        }
        with self._database.transaction(tenant_id) as tx:
            tx.execute(_SQL["point_alias"], parameters)
            tx.execute(_SQL["touch_agent"], parameters)

    def alias(self, tenant_id: UUID, agent: str, alias: str) -> int | None:
        """Give the version that an alias names."""
        parameters = {"tenant_id": tenant_id, "agent": agent, "alias": alias}
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["alias_version"], parameters)
        return None if row is None else int(row["version"])

    def route(self, tenant_id: UUID, agent: str, alias: str) -> Route | None:
        """Give where an alias leads, with one query."""
        parameters = {"tenant_id": tenant_id, "agent": agent, "alias": alias}
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["route"], parameters)
        return _route(rows) if rows else None

    def links(self, tenant_id: UUID, agents: Collection[str]) -> dict[str, tuple[AgentLink, ...]]:
        """Give what the live versions of these agents link to."""
        parameters = {"tenant_id": tenant_id, "agents": list(agents)}
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["links"], parameters)
        return {row["agent"]: tuple(map(AgentLink.model_validate, row["links"])) for row in rows}

    def get(
        self, tenant_id: UUID, agent: str, *, version: int | None = None, alias: str | None = None
    ) -> AgentVersion | None:
        """Give the version of the given number or alias."""
        parameters = {
            "tenant_id": tenant_id,
            "agent": agent,
            "version": version,
            "alias": alias,
        }
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["get_version"], parameters)
        return None if row is None else AgentVersion.model_validate(row)

    def page(self, tenant_id: UUID, *, limit: int, after: str | None) -> list[AgentSummary]:
        """Give agents in the order of their names."""
        parameters = {"tenant_id": tenant_id, "after": after, "limit": limit}
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["page_of_agents"], parameters)
        return [AgentSummary.model_validate(row) for row in rows]

    def versions(
        self, tenant_id: UUID, agent: str, *, limit: int, before: int | None
    ) -> list[VersionSummary]:
        """Give versions in descending order."""
        parameters = {
            "tenant_id": tenant_id,
            "agent": agent,
            "before": before,
            "limit": limit,
        }
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["page_of_versions"], parameters)
        return [VersionSummary.model_validate(row) for row in rows]


class PostgresPlatformKeys(PostgresRecords):
    """The platform's first key; the database must be that of the platform role."""

    def ensure(self, key: ApiKey, digest: bytes) -> bool:
        """Make the platform and this key, revoke its predecessors; False if it was there."""
        parameters = {
            **key.model_dump(exclude={"scopes", "revoked_at"}),
            "tenant_id": PLATFORM_TENANT,
            "digest": digest,
            "scopes": [scope.value for scope in key.scopes],
        }
        with self._database.transaction(PLATFORM_TENANT) as tx:
            tx.execute(_SQL["ensure_platform_tenant"], parameters)
            tx.execute(_SQL["retire_platform_keys"], parameters)
            return tx.execute(_SQL["ensure_platform_key"], parameters) == 1


class PostgresPart:
    """The database, as the health check sees it."""

    name = "database"

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def check(self) -> None:
        """Run the smallest query."""
        with self._database.transaction(PLATFORM_TENANT) as tx:
            tx.one("select 1 as answer")


def _insert_key(tx: Transaction, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
    row = key.model_dump(exclude={"revoked_at", "scopes"})
    scopes = [scope.value for scope in key.scopes]
    tx.execute(
        _SQL["insert_key"],
        {**row, "scopes": scopes, "tenant_id": tenant_id, "digest": digest},
    )


def _route(rows: list[Row]) -> Route:
    found = {row["is_canary"]: row for row in rows}
    named = ("name", "version", "document")
    arms = {
        is_canary: EffectiveAgent.model_validate({name: row[name] for name in named})
        for is_canary, row in found.items()
    }
    if True not in arms:
        return Route(stable=arms[False])
    row = found[True]
    return Route(
        stable=arms[False], canary=arms[True], generation=row["generation"], weight=row["weight"]
    )


def _tenant(row: Row) -> Tenant:
    limits = RequestLimits.model_validate({name: row[name] for name in RequestLimits.model_fields})
    rest = {name: value for name, value in row.items() if name not in RequestLimits.model_fields}
    return Tenant.model_validate({**rest, "limits": limits})
