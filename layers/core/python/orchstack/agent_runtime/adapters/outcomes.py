"""What became of runs, in PostgreSQL; row-level security keeps tenants apart."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import (
    Judgement,
    Outcome,
    OutcomeChoice,
    OutcomePlace,
    Review,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.kernel.db import outbox
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.events import Announcement
from orchstack.kernel.plain import JsonObject

_SQL: Final = load("orchstack.agent_runtime.adapters", "outcomes.sql")
_GUARDS: Final = ("allowed", "redacted", "blocked")
_TOOLS: Final = ("ok", "failed")
_TOKENS: Final = ("input_tokens", "output_tokens")


class PostgresOutcomes:
    """Keeps one outcome a run and every review; each method joins the transaction that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application."""
        self._database = database

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[Transaction]:
        """Commit what is done inside at its end; undo it on an error."""
        return self._database.transaction(tenant_id)

    def record(self, outcome: Outcome) -> bool:
        """Keep an outcome; False if the run has one, which stays as it is."""
        with self.transaction(outcome.tenant_id) as tx:
            return tx.execute(_SQL["record_outcome"], _flat(outcome)) > 0

    def outcome(self, tenant_id: UUID, run_id: UUID) -> Outcome | None:
        """Give the outcome of a run, once it is recorded."""
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["outcome"], {"tenant_id": tenant_id, "run_id": run_id})
        return None if row is None else _outcome(row)

    def review(
        self, run: Run, judgement: Judgement, *, reviewer: str, at: datetime
    ) -> Review | None:
        """Keep a review, which from now on counts; None if it says what counts already."""
        said = {**judgement.model_dump(), "reviewer": reviewer, "reviewed_at": at}
        with self.transaction(run.tenant_id) as tx:
            row = tx.one(_SQL["review"], {"tenant_id": run.tenant_id, "run_id": run.id, **said})
        return None if row is None else Review(**said, revision=row["revision"])

    def reviews(self, tenant_id: UUID, run_id: UUID) -> tuple[Review, ...]:
        """Give the reviews of a run, newest first, a hundred at most."""
        with self.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["reviews"], {"tenant_id": tenant_id, "run_id": run_id})
        return tuple(Review.model_validate(row) for row in rows)

    def erase(self, run: Run) -> None:
        """Forget what reviewers wrote of a run; how they judged it stays."""
        with self.transaction(run.tenant_id) as tx:
            tx.execute(_SQL["erase_comments"], {"tenant_id": run.tenant_id, "run_id": run.id})

    def page(
        self,
        tenant_id: UUID,
        choice: OutcomeChoice,
        *,
        limit: int,
        before: OutcomePlace | None,
    ) -> list[tuple[Outcome, Review | None]]:
        """Give outcomes with the review that counts, the last to end first, below a place."""
        at, run_id = before or (None, None)
        given = {
            "tenant_id": tenant_id,
            "since": choice.period.since,
            "until": choice.period.until,
            "agent": choice.agent,
            "version": choice.version,
            "label": choice.label,
            "before_at": at,
            "before_id": run_id,
            "limit": limit,
        }
        with self.transaction(tenant_id) as tx:
            return [_judged(row) for row in tx.all(_SQL["page"], given)]

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Announce a change, in the transaction that is open."""
        with self.transaction(tenant_id) as tx:
            outbox.write(tx, announcement)


def _flat(outcome: Outcome) -> JsonObject:
    nested = {"usage", "guards", "tools", "latency_ms"}
    return {
        **outcome.model_dump(exclude=nested),
        **outcome.usage.model_dump(),
        **{f"guards_{name}": getattr(outcome.guards, name) for name in _GUARDS},
        **{f"tools_{name}": getattr(outcome.tools, name) for name in _TOOLS},
        "stages": outcome.latency_ms.model_dump_json(),
        "total_ms": outcome.latency_ms.total,
    }


def _outcome(row: Row) -> Outcome:
    nested = {
        "usage": {name: row.pop(name) for name in _TOKENS},
        "guards": {name: row.pop(f"guards_{name}") for name in _GUARDS},
        "tools": {name: row.pop(f"tools_{name}") for name in _TOOLS},
        "latency_ms": {**row.pop("stages"), "total": row.pop("total_ms")},
    }
    return Outcome.model_validate({**row, **nested})


def _judged(row: Row) -> tuple[Outcome, Review | None]:
    said = {name: row.pop(name) for name in Review.model_fields}
    review = None if said["revision"] is None else Review.model_validate(said)
    return _outcome(row), review
