"""Canaries in PostgreSQL; the row of a running one is locked while it counts."""

from __future__ import annotations

from uuid import UUID

from orchstack.control_plane.adapters.postgres import PostgresRecords
from orchstack.control_plane.model.canaries import Canary
from orchstack.kernel.db.queries import load
from orchstack.kernel.plain import JsonObject

_SQL = load("orchstack.control_plane.adapters", "canaries.sql")


class PostgresCanaries(PostgresRecords):
    """Canaries, and which runs they have counted."""

    def lock(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the running canary and lock its row."""
        return self._one("lock_canary", tenant_id, agent, alias)

    def last(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the canary that runs, else the last that did."""
        return self._one("last_canary", tenant_id, agent, alias)

    def start(self, tenant_id: UUID, canary: Canary) -> None:
        """Insert a new canary; the index on running ones refuses a second."""
        with self._database.transaction(tenant_id) as tx:
            tx.execute(_SQL["insert_canary"], _row(tenant_id, canary))

    def keep(self, tenant_id: UUID, canary: Canary) -> None:
        """Update the running canary; if it ended, its runs need no marks any more."""
        with self._database.transaction(tenant_id) as tx:
            tx.execute(_SQL["keep_canary"], _row(tenant_id, canary))
            if canary.end is not None:
                tx.execute(_SQL["forget_runs"], _row(tenant_id, canary))

    def take(self, tenant_id: UUID, canary: Canary, run_id: UUID) -> bool:
        """Insert the mark of a run; False if it is there."""
        with self._database.transaction(tenant_id) as tx:
            return tx.execute(_SQL["take_run"], _row(tenant_id, canary) | {"run_id": run_id}) == 1

    def _one(self, query: str, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        parameters = {"tenant_id": tenant_id, "agent": agent, "alias": alias}
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL[query], parameters)
        return None if row is None else Canary.model_validate(row)


def _row(tenant_id: UUID, canary: Canary) -> JsonObject:
    return {
        **canary.model_dump(exclude={"rollback", "trial", "end"}),
        "tenant_id": tenant_id,
        "rollback": canary.rollback.model_dump_json(),
        "trial": canary.trial.model_dump_json(),
        "end": None if canary.end is None else canary.end.value,
    }
