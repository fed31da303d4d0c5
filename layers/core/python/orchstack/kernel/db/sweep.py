"""Clearing away what has served its time: expired answers, and messages no queue delivers again."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database

# The longest that SQS keeps a message; after that no second delivery can come.
INBOX_KEPT_FOR = timedelta(days=14)
BATCH = 5_000

_SQL = load("orchstack.kernel.db", "sweep.sql")


def sweep(database: Database, now: datetime) -> int:
    """Delete a batch of each kind, as the platform role; gives the number of rows deleted."""
    with database.transaction(None) as tx:
        answers = tx.execute(_SQL["delete_expired_answers"], {"now": now, "limit": BATCH})
        old = {"before": now - INBOX_KEPT_FOR, "limit": BATCH}
        return answers + tx.execute(_SQL["delete_old_inbox"], old)
