"""Runs and their journal in memory, with the same promises as the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
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
from orchstack.kernel.chat import Message
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import NotFound, RequestInFlight
from orchstack.kernel.events import Announcement

_Key = tuple[UUID, UUID]
_NOTED: Final = {"text", "pieces", "attempt", "lost_micro_usd"}


@dataclass(frozen=True)
class _Kept:
    run: Run
    key: RequestKey | None
    owner: UUID | None
    # On the clock's monotonic scale; None: nobody has held it yet.
    lease_until: float | None
    cancel_requested_at: datetime | None = None
    wake_at: datetime | None = None
    tries: int = 0
    starts: int = 0
    task_token: str | None = None


@dataclass
class _Tables:
    runs: dict[_Key, _Kept] = field(default_factory=dict)
    steps: dict[_Key, dict[int, Step]] = field(default_factory=dict)
    messages: dict[_Key, tuple[Message, ...]] = field(default_factory=dict)
    announced: tuple[Announcement, ...] = ()

    def copy(self) -> _Tables:
        """Copy the tables; what stands in them never changes."""
        steps = {key: dict(of_run) for key, of_run in self.steps.items()}
        return _Tables(dict(self.runs), steps, dict(self.messages), self.announced)


class InMemoryJournal:
    """Keeps runs, steps and sessions of all tenants; one transaction at a time."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that leases lapse by."""
        self._clock = clock
        self._tables = _Tables()
        self._lock = threading.RLock()
        self._depth = 0

    @property
    def announced(self) -> tuple[Announcement, ...]:
        """What was announced with the changes that lasted."""
        return self._tables.announced

    @contextmanager
    def transaction(self, tenant_id: UUID) -> Iterator[None]:
        """Keep what is done inside at its end; undo it on an error."""
        del tenant_id
        with self._lock:
            before = self._tables.copy() if self._depth == 0 else None
            self._depth += 1
            try:
                yield
            except BaseException:
                self._tables = before or self._tables
                raise
            finally:
                self._depth -= 1

    def find_key(self, tenant_id: UUID, key: str) -> KeyedRun | None:
        """Find the run that an Idempotency-Key made."""
        for (owner, _), kept in self._tables.runs.items():
            if owner == tenant_id and kept.key is not None and kept.key.key == key:
                left = self._left(kept)
                return KeyedRun(run=kept.run, request_hash=kept.key.request_hash, lease_s=left)
        return None

    def active_in_session(self, tenant_id: UUID, session_id: UUID, agent: str) -> UUID | None:
        """Give the oldest run of a session that is not over."""
        del agent
        under_way = self._under_way(tenant_id, session_id)
        return under_way[0].id if under_way else None

    def open(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        key: RequestKey | None,
        lease: Lease | None,
    ) -> bool:
        """Keep a new run; False if another run has the key."""
        if key is not None and self.find_key(run.tenant_id, key.key) is not None:
            return False
        where = (run.tenant_id, run.id)
        owner, until = (None, None) if lease is None else (lease.owner, self._until(lease))
        self._tables.runs[where] = _Kept(run, key, owner, until, tries=int(lease is not None))
        self._tables.steps[where] = {step.seq: step for step in steps}
        self._tables.announced += (announcement,)
        return True

    def claim(self, tenant_id: UUID, run_id: UUID, lease: Lease) -> Claim:
        """Take a run over, unless it has ended. Raises NotFound, RequestInFlight, NotYourTurn."""
        kept = self._kept(tenant_id, run_id)
        if kept.run.over:
            return Claim(run=kept.run)
        mine = kept.owner == lease.owner
        if self._left(kept) > 0 and not mine:
            raise RequestInFlight(retry_after_s=self._left(kept))
        if kept.cancel_requested_at is None and not self._in_turn(kept.run):
            raise NotYourTurn(retry_after_s=1)
        tries = kept.tries + (not mine)
        until = self._until(lease)
        self._put(replace(kept, owner=lease.owner, lease_until=until, tries=tries))
        asked = kept.cancel_requested_at is not None
        return Claim(run=kept.run, cancel_requested=asked, tries=tries)

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
        with self.transaction(run.tenant_id):
            asked = self.renew(run, lease)
            kept = self._kept(run.tenant_id, run.id)
            known = self._tables.steps[run.tenant_id, run.id]
            if any(step.seq in known and known[step.seq].finished for step in steps):
                raise LeaseLost(retry_after_s=1)
            known.update((step.seq, step) for step in steps)
            history = run.history if with_history else kept.run.history
            written = run.model_copy(update={"history": history})
            self._put(replace(kept, run=written, wake_at=wake_at, tries=int(lease.seconds > 0)))
            self._tables.announced += (announcement,)
        return asked

    def note(self, run: Run, step: Step, lease: Lease) -> bool:
        """Write down how far a started call of a model has come. Raises LeaseLost."""
        with self.transaction(run.tenant_id):
            asked = self.renew(run, lease)
            steps = self._tables.steps[run.tenant_id, run.id]
            before = steps[step.seq]
            if not before.finished:
                noted = step.work.model_dump(include=_NOTED)
                work = before.work.model_copy(update=noted)
                steps[step.seq] = before.model_copy(update={"work": work})
        return asked

    def renew(self, run: Run, lease: Lease) -> bool:
        """Hold the lease for longer. Raises LeaseLost."""
        kept = self._kept(run.tenant_id, run.id)
        if kept.owner != lease.owner or kept.run.over:
            raise LeaseLost(retry_after_s=1)
        self._put(replace(kept, lease_until=self._until(lease)))
        return kept.cancel_requested_at is not None

    def release(self, run: Run, lease: Lease, *, orderly: bool) -> None:
        """Give the lease back, if it is still held."""
        kept = self._kept(run.tenant_id, run.id)
        if kept.owner == lease.owner and not kept.run.over:
            tries = max(0, kept.tries - orderly)
            self._put(replace(kept, lease_until=self._clock.monotonic(), tries=tries))

    def cancel_requested(self, tenant_id: UUID, run_id: UUID) -> bool:
        """Tell whether somebody asked for the run to be cancelled."""
        return self._kept(tenant_id, run_id).cancel_requested_at is not None

    def request_cancel(
        self, tenant_id: UUID, run_id: UUID, announcement: Announcement
    ) -> tuple[UUID, ...]:
        """Ask for a run, and all that it asked for, to be cancelled. Raises NotFound."""
        if self._kept(tenant_id, run_id).run.over:
            return ()
        self._tables.announced += (announcement,)
        return run_id, *sorted(self._cancel(tenant_id, run_id) - {run_id})

    def _cancel(self, tenant_id: UUID, run_id: UUID) -> set[UUID]:
        kept = self._kept(tenant_id, run_id)
        at = kept.cancel_requested_at or self._clock.now()
        asked = set() if kept.run.over else {run_id}
        if asked:
            self._put(replace(kept, cancel_requested_at=at))
        below = [self._cancel(tenant_id, run.id) for run in self.children(tenant_id, run_id)]
        return asked.union(*below)

    def children(self, tenant_id: UUID, run_id: UUID) -> tuple[Run, ...]:
        """Give the runs that a run asked for, in the order of their ids."""
        runs = (kept.run for kept in self._of(tenant_id))
        asked = (run for run in runs if run.parent is not None and run.parent.run_id == run_id)
        return tuple(sorted(asked, key=lambda run: run.id))

    def count_start(self, tenant_id: UUID, run_id: UUID) -> int:
        """Count an execution of the state machine. Raises NotFound."""
        kept = self._kept(tenant_id, run_id)
        until = self._clock.now() + timedelta(seconds=min(900, 30 * 2 ** min(kept.starts, 5)))
        self._put(replace(kept, starts=kept.starts + 1, wake_at=until))
        return kept.starts + 1

    def set_task_token(self, tenant_id: UUID, run_id: UUID, token: str) -> bool:
        """Keep what the state machine waits with; False if the run does not wait any more."""
        kept = self._kept(tenant_id, run_id)
        if kept.run.status is not RunStatus.WAITING:
            return False
        self._put(replace(kept, task_token=token))
        return True

    def take_task_token(self, tenant_id: UUID, run_id: UUID) -> str | None:
        """Give what the state machine waits with, once."""
        kept = self._kept(tenant_id, run_id)
        self._put(replace(kept, task_token=None))
        return kept.task_token

    def adrift(self, before: datetime, limit: int) -> tuple[AdriftRun, ...]:
        """Give runs that are not over and that nobody has held since a time, longest first."""
        found = [
            (self._since(kept), kept)
            for kept in self._tables.runs.values()
            if not kept.run.over
            and (kept.cancel_requested_at is not None or self._in_turn(kept.run))
            and self._since(kept) <= before
        ]
        return tuple(
            AdriftRun(
                tenant_id=kept.run.tenant_id,
                run_id=kept.run.id,
                status=kept.run.status,
                starts=kept.starts,
            )
            for _, kept in sorted(found, key=lambda pair: pair[0])[:limit]
        )

    def is_adrift(self, run: Run, patience: timedelta) -> bool:
        """Whether a run is under way, and nobody has held it for so long."""
        before = self._clock.now() - patience
        return any(run.id == found.run_id for found in self.adrift(before, len(self._tables.runs)))

    def rewrite(self, run: Run, steps: Sequence[Step], announcement: Announcement) -> None:
        """Put a run and its steps in the place of what is kept of them."""
        where = (run.tenant_id, run.id)
        self._tables.runs[where] = replace(self._tables.runs[where], run=run)
        self._tables.steps[where] = {step.seq: step for step in steps}
        self._tables.announced += (announcement,)

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""
        return self._kept(tenant_id, run_id).run

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give the steps of a run, in order."""
        known = self._tables.steps.get((tenant_id, run_id), {})
        return tuple(known[seq] for seq in sorted(known))

    def page(self, tenant_id: UUID, chosen: RunFilter) -> list[Run]:
        """Give runs, newest first."""
        runs = [kept.run for kept in self._of(tenant_id)]
        found = [
            run
            for run in sorted(runs, key=lambda run: run.id, reverse=True)
            if (chosen.before is None or run.id < chosen.before)
            and chosen.agent in (None, run.agent)
            and chosen.status in (None, run.status)
        ]
        return found[: chosen.limit]

    def recall(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give the last turns of a session, oldest first."""
        return self._tables.messages.get((tenant_id, session_id), ())[-limit:]

    def remember(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add the turns of a run, in the transaction that is open."""
        del run_id
        before = self._tables.messages.get((tenant_id, session_id), ())
        self._tables.messages[tenant_id, session_id] = (*before, *messages)

    def _kept(self, tenant_id: UUID, run_id: UUID) -> _Kept:
        kept = self._tables.runs.get((tenant_id, run_id))
        if kept is None:
            raise NotFound
        return kept

    def _put(self, kept: _Kept) -> None:
        self._tables.runs[kept.run.tenant_id, kept.run.id] = kept

    def _of(self, tenant_id: UUID) -> list[_Kept]:
        return [kept for (owner, _), kept in self._tables.runs.items() if owner == tenant_id]

    def _under_way(self, tenant_id: UUID, session_id: UUID) -> list[Run]:
        runs = (kept.run for kept in self._of(tenant_id))
        mine = (run for run in runs if run.session_id == session_id and not run.over)
        return sorted(mine, key=lambda run: run.id)

    def _in_turn(self, run: Run) -> bool:
        if run.status is not RunStatus.QUEUED or run.session_id is None:
            return True
        others = self._under_way(run.tenant_id, run.session_id)
        return not any(
            other.id < run.id or other.status is not RunStatus.QUEUED
            for other in others
            if other.id != run.id
        )

    def _since(self, kept: _Kept) -> datetime:
        if kept.cancel_requested_at is not None:
            return kept.cancel_requested_at
        known = [kept.wake_at] if kept.wake_at else []
        if kept.lease_until is not None:
            left = kept.lease_until - self._clock.monotonic()
            known.append(self._clock.now() + timedelta(seconds=left))
        return max(known, default=kept.run.created_at)

    def _left(self, kept: _Kept) -> float:
        until = kept.lease_until
        return 0.0 if until is None else max(0.0, until - self._clock.monotonic())

    def _until(self, lease: Lease) -> float:
        return self._clock.monotonic() + lease.seconds
