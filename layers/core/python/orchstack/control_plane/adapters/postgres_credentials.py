"""The look-up of keys in PostgreSQL; apart from the rest, so that the authorizer loads little."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from orchstack.control_plane.model.tenants import Credential, TenantStatus
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import Principal, RequestLimits, Scope

_SQL = load("orchstack.control_plane.adapters")


class PostgresCredentials:
    """Keys under the row-level security of the tenant they claim."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def find(self, tenant_id: UUID, digest: bytes) -> Credential | None:
        """Give the key with this digest, if the tenant has it."""
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["find_credential"], {"tenant_id": tenant_id, "digest": digest})
        if row is None:
            return None
        return Credential(
            principal=Principal(
                tenant_id=tenant_id,
                key_id=row["id"],
                environment=row["environment"],
                scopes=frozenset(Scope(scope) for scope in row["scopes"]),
                expires_at=row["expires_at"],
                limits=RequestLimits(
                    requests_per_minute=row["requests_per_minute"],
                    requests_per_minute_per_key=row["requests_per_minute_per_key"],
                ),
            ),
            revoked=row["revoked"],
            tenant_status=TenantStatus(row["status"]),
        )

    def valid(self, tenant_id: UUID, key_id: UUID, now: datetime) -> bool:
        """Whether a key of an active tenant is neither revoked nor expired."""
        parameters = {"tenant_id": tenant_id, "id": key_id, "now": now}
        with self._database.transaction(tenant_id) as tx:
            return tx.one(_SQL["valid_key"], parameters) is not None
