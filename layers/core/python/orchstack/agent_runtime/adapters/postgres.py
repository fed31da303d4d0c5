"""Runs and their journal in PostgreSQL; row-level security keeps tenants apart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.runs import (
    KeyedRun,
    Lease,
    LeaseLost,
    RequestKey,
    Run,
    RunFilter,
)
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.db import outbox
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.errors import NotFound, RequestInFlight
from orchstack.kernel.events import Announcement
from orchstack.kernel.plain import JsonObject

_SQL: Final = load("orchstack.agent_runtime.adapters")
# What a write of the journal may change of a run.
_PROGRESS: Final = {
    "status",
    "finish_reason",
    "output",
    "fault",
    "usage",
    "cost_micro_usd",
    "step_count",
    "stages",
    "spans",
    "finished_at",
}


class PostgresJournal:
    """Keeps runs and their steps; every method joins the transaction that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database that the other parts of a run's transactions use too."""
        self._database = database

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[Transaction]:
        """Commit what is done inside at its end; undo it on an error."""
        return self._database.transaction(tenant_id)

    def find_key(self, tenant_id: UUID, key: str) -> KeyedRun | None:
        """Find the run that an Idempotency-Key made."""
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["find_key"], {"tenant_id": tenant_id, "key": key})
        if row is None:
            return None
        lease_s, request_hash = row.pop("lease_s"), row.pop("request_hash")
        return KeyedRun(run=_run(row), request_hash=request_hash, lease_s=lease_s)

    def open(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        key: RequestKey | None,
        lease: Lease,
    ) -> bool:
        """Keep a new run and its session; False if another run has the key."""
        given = {
            "run": run.model_dump_json(),
            "steps": _json(steps),
            "key": None if key is None else key.key,
            "request_hash": None if key is None else key.request_hash,
            **_lease(lease),
        }
        with self.transaction(run.tenant_id) as tx:
            if run.session_id is not None:
                session = {"session_id": run.session_id, "agent": run.agent}
                tx.execute(_SQL["begin_session"], {"tenant_id": run.tenant_id, **session})
            if tx.execute(_SQL["open"], given) == 0:
                return False
            outbox.write(tx, announcement)
        return True

    def claim(self, tenant_id: UUID, run_id: UUID, lease: Lease) -> Run:
        """Take a run over, unless it has ended. Raises NotFound, RequestInFlight."""
        where = {"tenant_id": tenant_id, "run_id": run_id}
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["lock_run"], where)
            if row is None:
                raise NotFound
            lease_s = row.pop("lease_s")
            run = _run(row)
            if not run.over:
                if lease_s > 0:
                    raise RequestInFlight(retry_after_s=lease_s)
                tx.execute(_SQL["take_lease"], {**where, **_lease(lease)})
        return run

    def append(
        self, run: Run, steps: Sequence[Step], announcement: Announcement, *, lease: Lease
    ) -> None:
        """Write steps and the run's totals; renews the lease. Raises LeaseLost."""
        given = {
            **_key(run),
            **_lease(lease),
            "run": run.model_dump_json(include=_PROGRESS),
            "steps": _json(steps),
        }
        with self.transaction(run.tenant_id) as tx:
            if tx.execute(_SQL["append"], given) != len(steps):
                raise LeaseLost(retry_after_s=1)
            outbox.write(tx, announcement)

    def renew(self, run: Run, lease: Lease) -> None:
        """Hold the lease for longer; for no seconds gives it back. Raises LeaseLost."""
        with self.transaction(run.tenant_id) as tx:
            if tx.execute(_SQL["renew"], {**_key(run), **_lease(lease)}) == 0:
                raise LeaseLost(retry_after_s=1)

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["run"], {"tenant_id": tenant_id, "run_id": run_id})
        if row is None:
            raise NotFound
        return _run(row)

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give the steps of a run, in order."""
        with self.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["steps"], {"tenant_id": tenant_id, "run_id": run_id})
        return tuple(Step.model_validate(_with_usage(row)) for row in rows)

    def page(self, tenant_id: UUID, chosen: RunFilter) -> list[Run]:
        """Give runs, newest first."""
        given = {
            "tenant_id": tenant_id,
            "before": chosen.before,
            "agent": chosen.agent,
            "status": chosen.status,
            "limit": chosen.limit,
        }
        with self.transaction(tenant_id) as tx:
            return [_run(row) for row in tx.all(_SQL["page"], given)]


def _run(row: Row) -> Run:
    return Run.model_validate(_with_usage(row))


def _with_usage(row: Row) -> JsonObject:
    counts = {name: row.pop(name) for name in ("input_tokens", "output_tokens")}
    return {**row, "usage": counts}


def _json(steps: Sequence[Step]) -> str:
    return "[" + ",".join(step.model_dump_json() for step in steps) + "]"


def _key(run: Run) -> dict[str, UUID]:
    return {"tenant_id": run.tenant_id, "run_id": run.id}


def _lease(lease: Lease) -> JsonObject:
    return {"owner": lease.owner, "seconds": lease.seconds}
