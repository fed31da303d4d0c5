"""The transactional outbox: events and audit entries are written with the change they tell of."""

from __future__ import annotations

from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Transaction
from orchstack.kernel.events import Announcement

_SQL = load("orchstack.kernel.db", "outbox.sql")


def write(tx: Transaction, announcement: Announcement) -> None:
    """Write the events and audit entries a change owes, in the change's own transaction."""
    if announcement.events:
        events = "[" + ",".join(event.model_dump_json() for event in announcement.events) + "]"
        tx.execute(_SQL["insert_events"], {"events": events})
        tx.announced = True
    if announcement.audit:
        entries = "[" + ",".join(entry.model_dump_json() for entry in announcement.audit) + "]"
        tx.execute(_SQL["insert_audit_entries"], {"entries": entries})
