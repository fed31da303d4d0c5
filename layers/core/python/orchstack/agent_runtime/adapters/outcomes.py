"""What became of runs, in PostgreSQL; row-level security keeps tenants apart."""

from __future__ import annotations

from typing import Final

from orchstack.agent_runtime.model.events import Outcome
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database

_SQL: Final = load("orchstack.agent_runtime.adapters", "outcomes.sql")


class PostgresOutcomes:
    """Keeps one outcome a run; the inbox remembers which messages were taken in."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application."""
        self._database = database

    def record(self, outcome: Outcome, *, message_id: str) -> bool:
        """Keep an outcome; False if this message was taken in before."""
        given = {
            **outcome.model_dump(exclude={"usage"}),
            **outcome.usage.model_dump(),
            "message_id": message_id,
        }
        with self._database.transaction(outcome.tenant_id) as tx:
            if tx.execute(_SQL["take_message_in"], given) == 0:
                return False
            tx.execute(_SQL["record_outcome"], given)
        return True
