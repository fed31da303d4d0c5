"""Outbox, listings and sockets in PostgreSQL.

The relay and what knows only a connection's id work as the platform role, outside any tenant; the
rest works as the application, inside the tenant's transaction.
"""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from orchstack.event_bus.model import (
    MAX_BATCH_ENTRIES,
    OutboxEntry,
    Selection,
    Settlement,
    Socket,
)
from orchstack.event_bus.ports import HandOver
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.events import AuditEntry, Event

QUERIES = load("orchstack.event_bus.adapters")


class PostgresOutbox:
    """The outbox, as the platform role sees it."""

    def __init__(self, database: Database) -> None:
        """Take a database that connects as the platform role."""
        self._database = database

    def next_batch(self, hand_over: HandOver, *, passing: frozenset[UUID]) -> Settlement | None:
        """Hand over the oldest entries of some tenants while their positions are locked.

        If the process dies before the commit, nothing is marked and everything goes out again.
        """
        with self._database.transaction(None) as tx:
            # Committed at once: another relay would wait for a row that is being inserted.
            tx.execute(QUERIES["ensure_positions"])
        with self._database.transaction(None) as tx:
            claimed = _claim(tx, passing)
            if not claimed:
                return None
            settled = hand_over(claimed)
            _mark(tx, settled)
        return settled


def _claim(tx: Transaction, passing: frozenset[UUID]) -> list[OutboxEntry]:
    limit = MAX_BATCH_ENTRIES
    rows = tx.all(QUERIES["claim_tenants"], {"passing": list(passing), "limit": limit})
    if not rows:
        return []
    tenants = [row["tenant_id"] for row in rows]
    entries = tx.all(QUERIES["claim_entries"], {"tenants": tenants, "limit": limit})
    return [OutboxEntry(**row) for row in entries]


def _mark(tx: Transaction, settled: Settlement) -> None:
    if settled.published:
        tx.execute(
            QUERIES["mark_published"],
            {
                "tenants": [entry.tenant_id for entry in settled.published],
                "events": [entry.event_id for entry in settled.published],
            },
        )
    for entry, refusal in settled.parked:
        parameters = {"tenant": entry.tenant_id, "event": entry.event_id, "refusal": refusal.code}
        tx.execute(QUERIES["park"], parameters)


class PostgresAnnouncements:
    """A tenant's published events and its audit entries."""

    def __init__(self, database: Database) -> None:
        """Take a database that connects as the application."""
        self._database = database

    def events(self, tenant_id: UUID, selection: Selection) -> list[tuple[int, Event]]:
        """Give published events."""
        rows = self._read(tenant_id, _LISTINGS["events", selection.order], selection)
        return [(row["position"], Event.model_validate(row["event"])) for row in rows]

    def audit(self, tenant_id: UUID, selection: Selection) -> list[tuple[int, AuditEntry]]:
        """Give audit entries."""
        rows = self._read(tenant_id, _LISTINGS["audit", selection.order], selection)
        return [(row.pop("position"), AuditEntry(**row)) for row in rows]

    def _read(self, tenant_id: UUID, query: LiteralString, selection: Selection) -> list[Row]:
        with self._database.transaction(tenant_id) as tx:
            return tx.all(
                query,
                {
                    "after": selection.after,
                    "limit": selection.limit,
                    "kind": selection.kind,
                    "subject": selection.subject,
                },
            )


_LISTINGS: dict[tuple[str, str], LiteralString] = {
    ("events", "asc"): QUERIES["list_events_asc"],
    ("events", "desc"): QUERIES["list_events_desc"],
    ("audit", "asc"): QUERIES["list_audit_asc"],
    ("audit", "desc"): QUERIES["list_audit_desc"],
}


class PostgresSockets:
    """The connections of a tenant."""

    def __init__(self, database: Database) -> None:
        """Take a database that connects as the application."""
        self._database = database

    def add(self, socket: Socket) -> None:
        """Remember a connection; a second time changes nothing."""
        with self._database.transaction(socket.tenant_id) as tx:
            tx.execute(
                QUERIES["add_socket"],
                {
                    "tenant_id": socket.tenant_id,
                    "connection_id": socket.connection_id,
                    "key_id": socket.key_id,
                    "types": sorted(socket.types),
                    "connected_at": socket.connected_at,
                    "expires_at": socket.expires_at,
                },
            )

    def of_tenant(self, tenant_id: UUID) -> list[Socket]:
        """Give the tenant's connections."""
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(QUERIES["list_sockets"])
        return [Socket(**row | {"types": frozenset(row["types"])}) for row in rows]

    def drop(self, tenant_id: UUID, connection_id: str) -> None:
        """Forget one of the tenant's connections."""
        with self._database.transaction(tenant_id) as tx:
            tx.execute(QUERIES["drop_socket"], {"connection_id": connection_id})


class PostgresConnections:
    """Connections of which only the id is known, as the platform role sees them."""

    def __init__(self, database: Database) -> None:
        """Take a database that connects as the platform role."""
        self._database = database

    def remove(self, connection_id: str) -> None:
        """Forget a connection, if it is known."""
        with self._database.transaction(None) as tx:
            tx.execute(QUERIES["drop_socket"], {"connection_id": connection_id})

    def subscribe(self, connection_id: str, types: frozenset[str]) -> bool:
        """Set which types a connection hears; False if it is not known."""
        parameters = {"connection_id": connection_id, "types": sorted(types)}
        with self._database.transaction(None) as tx:
            return tx.execute(QUERIES["subscribe_socket"], parameters) == 1
