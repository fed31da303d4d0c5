"""Runs as PostgreSQL keeps them, read beside their drivers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.adapters.postgres import PostgresJournal
from orchstack.agent_runtime.model.pulse import Pulse
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import RunStatus, Step
from orchstack.kernel.db import outbox
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.errors import NotFound
from orchstack.kernel.events import Announcement

_SQL: Final = load("orchstack.agent_runtime.adapters", "archive.sql")
_TEXTS: Final = {
    "input",
    "history",
    "attachments",
    "output",
    "question",
    "overrides",
    "fault",
    "erased_at",
}


class PostgresArchive:
    """Reads runs and takes their texts out; every method joins the transaction that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application."""
        self._database = database
        self._journal = PostgresJournal(database)

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[Transaction]:
        """Commit what is done inside at its end; undo it on an error."""
        return self._database.transaction(tenant_id)

    def pulse(self, tenant_id: UUID, run_id: UUID, *, since: int) -> Pulse:
        """Tell cheaply how a run and its steps from number `since` on stand. Raises NotFound."""
        given = {"tenant_id": tenant_id, "run_id": run_id, "since": since}
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["pulse"], given)
        if row is None:
            raise NotFound
        return Pulse(**{**row, "status": RunStatus(row["status"])})

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""
        return self._journal.run(tenant_id, run_id)

    def steps(
        self, tenant_id: UUID, run_id: UUID, *, since: int = 1, limit: int | None = None
    ) -> tuple[Step, ...]:
        """Give the steps of a run from number `since` on, in order."""
        given = {"tenant_id": tenant_id, "run_id": run_id, "since": since, "limit": limit}
        with self.transaction(tenant_id) as tx:
            return tuple(_step(row) for row in tx.all(_SQL["steps"], given))

    def family(self, tenant_id: UUID, run_id: UUID) -> tuple[UUID, ...]:
        """Give a run and all that were asked for by it and by those, the run itself first."""
        with self.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["family"], {"tenant_id": tenant_id, "run_id": run_id})
        return tuple(row["run_id"] for row in rows)

    def of_session(self, tenant_id: UUID, session_id: UUID) -> tuple[UUID, ...]:
        """Give the runs of a session, oldest first."""
        with self.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["of_session"], {"tenant_id": tenant_id, "session_id": session_id})
        return tuple(row["run_id"] for row in rows)

    def attached_elsewhere(self, tenant_id: UUID, run_id: UUID, sha256: str) -> bool:
        """Tell whether another run that is not erased has the attachment too."""
        given = {"tenant_id": tenant_id, "run_id": run_id, "sha256": sha256}
        with self.transaction(tenant_id) as tx:
            return tx.one(_SQL["attached_elsewhere"], given) is not None

    def rewrite(self, run: Run, steps: Sequence[Step], announcement: Announcement) -> bool:
        """Put a run that is over and its steps in the place of what is kept.

        False if it was erased meanwhile: then nothing is written or announced.
        """
        given = {
            "tenant_id": run.tenant_id,
            "run_id": run.id,
            "run": run.model_dump_json(include=_TEXTS),
            "steps": _works(steps),
        }
        with self.transaction(run.tenant_id) as tx:
            if tx.one(_SQL["rewrite"], given) is None:
                return False
            outbox.write(tx, announcement)
        return True


def _works(steps: Sequence[Step]) -> str:
    return "[" + ",".join(step.model_dump_json(include={"seq", "work"}) for step in steps) + "]"


def _step(row: Row) -> Step:
    counts = {name: row.pop(name) for name in ("input_tokens", "output_tokens")}
    return Step.model_validate({**row, "usage": counts})
