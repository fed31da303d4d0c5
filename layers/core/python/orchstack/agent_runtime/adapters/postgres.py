"""Runs and their journal in PostgreSQL; row-level security keeps tenants apart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from orchstack.agent_runtime.model.holding import AdriftRun, Claim, NotYourTurn
from orchstack.agent_runtime.model.runs import (
    KeyedRun,
    Lease,
    LeaseLost,
    RequestKey,
    Run,
    RunFilter,
)
from orchstack.agent_runtime.model.steps import RunStatus, Step
from orchstack.kernel.db import outbox
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.errors import Gone, NotFound, RequestInFlight
from orchstack.kernel.events import Announcement
from orchstack.kernel.plain import JsonObject

_SQL: Final = load("orchstack.agent_runtime.adapters")
# What a write of the journal may change of a run.
_PROGRESS: Final = {
    "status",
    "finish_reason",
    "output",
    "structured",
    "fault",
    "usage",
    "cost_micro_usd",
    "step_count",
    "stages",
    "spans",
    "question",
    "begun_at",
    "finished_at",
}
# What a model's call may have come to before it is over.
_NOTED: Final = {"text", "pieces", "attempt", "lost_micro_usd"}
# How soon a driver may ask again whether it is its turn, in seconds.
_TURN_S: Final = 1


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

    def active_in_session(self, tenant_id: UUID, session_id: UUID, agent: str) -> UUID | None:
        """Give the oldest run of a session that is not over; begins the session if it is new.

        Raises Gone for a session that was deleted.
        """
        where = {"tenant_id": tenant_id, "session_id": session_id}
        with self.transaction(tenant_id) as tx:
            tx.execute(_SQL["begin_session"], {**where, "agent": agent})
            session = tx.one(_SQL["lock_session"], where)
            if session is not None and session["deleted"]:
                raise Gone("The session was deleted with what was said in it; begin another one.")
            row = tx.one(_SQL["active_in_session"], where)
        return None if row is None else row["run_id"]

    def open(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        key: RequestKey | None,
        lease: Lease | None,
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
            if tx.one(_SQL["open"], given) is None:
                return False
            outbox.write(tx, announcement)
        return True

    def claim(self, tenant_id: UUID, run_id: UUID, lease: Lease) -> Claim:
        """Take a run over, unless it has ended. Raises NotFound, RequestInFlight, NotYourTurn."""
        where = {"tenant_id": tenant_id, "run_id": run_id}
        with self.transaction(tenant_id) as tx:
            found = tx.one(_SQL["lock_run"], {**where, "owner": lease.owner})
            if found is None:
                raise NotFound
            if found["over"]:
                return Claim(run=self.run(tenant_id, run_id))
            if found["lease_s"] > 0:
                raise RequestInFlight(retry_after_s=found["lease_s"])
            if found["takes_turns"]:
                _await_turn(tx, {**where, "session_id": found["session_id"]})
            row = tx.one(_SQL["take_lease"], {**where, **_lease(lease)})
        if row is None:
            raise NotFound
        asked, tries = row.pop("cancel_requested"), row.pop("tries")
        return Claim(run=_run(row), cancel_requested=asked, tries=tries)

    def append(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        lease: Lease,
        wake_at: datetime | None = None,
        with_history: bool = False,
    ) -> bool:
        """Write steps and the run's record; renews the lease. Raises LeaseLost."""
        told = _PROGRESS | {"history"} if with_history else _PROGRESS
        given = {
            **_key(run),
            **_lease(lease),
            "run": run.model_dump_json(include=told),
            "steps": _json(steps),
            "wake_at": wake_at,
        }
        with self.transaction(run.tenant_id) as tx:
            row = tx.one(_SQL["append"], given)
            if row is None or row["written"] != len(steps):
                raise LeaseLost(retry_after_s=1)
            outbox.write(tx, announcement)
        return bool(row["cancel_requested"])

    def note(self, run: Run, step: Step, lease: Lease) -> bool:
        """Write down how far a started call of a model has come. Raises LeaseLost."""
        work = step.work.model_dump_json(include=_NOTED)
        return self._held("note", run, lease, {"seq": step.seq, "work": work})

    def renew(self, run: Run, lease: Lease) -> bool:
        """Hold the lease for longer. Raises LeaseLost."""
        return self._held("renew", run, lease, {})

    def release(self, run: Run, lease: Lease, *, orderly: bool) -> None:
        """Give the lease back, if it is still held."""
        given = {**_key(run), "owner": lease.owner, "forgiven": int(orderly)}
        with self.transaction(run.tenant_id) as tx:
            tx.execute(_SQL["release"], given)

    def cancel_requested(self, tenant_id: UUID, run_id: UUID) -> bool:
        """Tell whether somebody asked for the run to be cancelled."""
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["cancel_requested"], {"tenant_id": tenant_id, "run_id": run_id})
        return row is not None and bool(row["cancel_requested"])

    def request_cancel(
        self, tenant_id: UUID, run_id: UUID, announcement: Announcement
    ) -> tuple[UUID, ...]:
        """Ask for a run, and all that it asked for, to be cancelled. Raises NotFound."""
        with self.transaction(tenant_id) as tx:
            if self.run(tenant_id, run_id).over:
                return ()
            outbox.write(tx, announcement)
            rows = tx.all(_SQL["request_cancel"], {"tenant_id": tenant_id, "run_id": run_id})
        return tuple(row["run_id"] for row in rows)

    def children(self, tenant_id: UUID, run_id: UUID) -> tuple[Run, ...]:
        """Give the runs that a run asked for, in the order of their ids, without their history."""
        with self.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["children"], {"tenant_id": tenant_id, "run_id": run_id})
        return tuple(_run(row) for row in rows)

    def count_start(self, tenant_id: UUID, run_id: UUID) -> int:
        """Count an execution of the state machine. Raises NotFound."""
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["count_start"], {"tenant_id": tenant_id, "run_id": run_id})
        if row is None:
            raise NotFound
        return int(row["starts"])

    def set_task_token(self, tenant_id: UUID, run_id: UUID, token: str) -> bool:
        """Keep what the state machine waits with; False if the run does not wait any more."""
        given = {"tenant_id": tenant_id, "run_id": run_id, "token": token}
        with self.transaction(tenant_id) as tx:
            return tx.execute(_SQL["set_task_token"], given) == 1

    def take_task_token(self, tenant_id: UUID, run_id: UUID) -> str | None:
        """Give what the state machine waits with, once."""
        with self.transaction(tenant_id) as tx:
            row = tx.one(_SQL["take_task_token"], {"tenant_id": tenant_id, "run_id": run_id})
        return None if row is None else row["task_token"]

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

    def _held(
        self, query: Literal["note", "renew"], run: Run, lease: Lease, more: JsonObject
    ) -> bool:
        with self.transaction(run.tenant_id) as tx:
            row = tx.one(_SQL[query], {**_key(run), **_lease(lease), **more})
        if row is None:
            raise LeaseLost(retry_after_s=1)
        return bool(row["cancel_requested"])


class PostgresSweepings:
    """Finds runs of all tenants that nobody drives."""

    def __init__(self, database: Database) -> None:
        """Take a database that the platform role is connected to."""
        self._database = database

    def adrift(self, before: datetime, limit: int) -> tuple[AdriftRun, ...]:
        """Give runs that are not over and that nobody has held since a time, longest first."""
        with self._database.transaction(None) as tx:
            rows = tx.all(_SQL["adrift"], {"before": before, "limit": limit})
        return tuple(
            AdriftRun(
                tenant_id=row["tenant_id"],
                run_id=row["run_id"],
                status=RunStatus(row["status"]),
                starts=row["starts"],
            )
            for row in rows
        )


def _await_turn(tx: Transaction, where: JsonObject) -> None:
    tx.execute(_SQL["lock_session"], where)
    if tx.one(_SQL["ahead_in_session"], where) is not None:
        raise NotYourTurn(retry_after_s=_TURN_S)


def _run(row: Row) -> Run:
    return Run.model_validate(_with_usage(row))


def _with_usage(row: Row) -> JsonObject:
    counts = {name: row.pop(name) for name in ("input_tokens", "output_tokens")}
    return {**row, "usage": counts}


def _json(steps: Sequence[Step]) -> str:
    return "[" + ",".join(step.model_dump_json() for step in steps) + "]"


def _key(run: Run) -> dict[str, UUID]:
    return {"tenant_id": run.tenant_id, "run_id": run.id}


def _lease(lease: Lease | None) -> JsonObject:
    if lease is None:
        return {"owner": None, "seconds": None}
    return {"owner": lease.owner, "seconds": lease.seconds}
