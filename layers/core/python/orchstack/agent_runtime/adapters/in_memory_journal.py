"""Runs and their journal in memory, with the same promises as the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from orchstack.kernel.chat import Message
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import NotFound, RequestInFlight
from orchstack.kernel.events import Announcement

_Key = tuple[UUID, UUID]


@dataclass(frozen=True)
class _Kept:
    run: Run
    key: RequestKey | None
    owner: UUID
    # On the clock's monotonic scale.
    lease_until: float


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

    def open(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        key: RequestKey | None,
        lease: Lease,
    ) -> bool:
        """Keep a new run; False if another run has the key."""
        if key is not None and self.find_key(run.tenant_id, key.key) is not None:
            return False
        where = (run.tenant_id, run.id)
        self._tables.runs[where] = _Kept(run, key, lease.owner, self._until(lease))
        self._tables.steps[where] = {step.seq: step for step in steps}
        self._tables.announced += (announcement,)
        return True

    def claim(self, tenant_id: UUID, run_id: UUID, lease: Lease) -> Run:
        """Take a run over, unless it has ended. Raises NotFound, RequestInFlight."""
        kept = self._kept(tenant_id, run_id)
        if not kept.run.over:
            if self._left(kept) > 0:
                raise RequestInFlight(retry_after_s=self._left(kept))
            taken = replace(kept, owner=lease.owner, lease_until=self._until(lease))
            self._tables.runs[tenant_id, run_id] = taken
        return kept.run

    def append(
        self, run: Run, steps: Sequence[Step], announcement: Announcement, *, lease: Lease
    ) -> None:
        """Write steps and the run's totals; renews the lease. Raises LeaseLost."""
        with self.transaction(run.tenant_id):
            self.renew(run, lease)
            where = (run.tenant_id, run.id)
            known = self._tables.steps[where]
            if any(step.seq in known and known[step.seq].finished for step in steps):
                raise LeaseLost(retry_after_s=1)
            known.update((step.seq, step) for step in steps)
            self._tables.runs[where] = replace(self._tables.runs[where], run=run)
            self._tables.announced += (announcement,)

    def renew(self, run: Run, lease: Lease) -> None:
        """Hold the lease for longer; for no seconds gives it back. Raises LeaseLost."""
        kept = self._kept(run.tenant_id, run.id)
        if kept.owner != lease.owner or kept.run.over:
            raise LeaseLost(retry_after_s=1)
        renewed = replace(kept, lease_until=self._until(lease))
        self._tables.runs[run.tenant_id, run.id] = renewed

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""
        return self._kept(tenant_id, run_id).run

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give the steps of a run, in order."""
        known = self._tables.steps.get((tenant_id, run_id), {})
        return tuple(known[seq] for seq in sorted(known))

    def page(self, tenant_id: UUID, chosen: RunFilter) -> list[Run]:
        """Give runs, newest first."""
        runs = [kept.run for (owner, _), kept in self._tables.runs.items() if owner == tenant_id]
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

    def _left(self, kept: _Kept) -> float:
        return max(0.0, kept.lease_until - self._clock.monotonic())

    def _until(self, lease: Lease) -> float:
        return self._clock.monotonic() + lease.seconds
