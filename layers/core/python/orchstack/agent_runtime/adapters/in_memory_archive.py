"""Runs in memory, read beside their drivers, with the same promises as the database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.model.pulse import Pulse
from orchstack.agent_runtime.model.runs import Run, RunFilter
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.events import Announcement


@dataclass(frozen=True)
class InMemoryArchive:
    """Reads the runs of a journal in memory, and takes their texts out."""

    journal: InMemoryJournal

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Keep what is done inside at its end; undo it on an error."""
        return self.journal.transaction(tenant_id)

    def pulse(self, tenant_id: UUID, run_id: UUID, *, since: int) -> Pulse:
        """Tell how a run and its steps from number `since` on stand. Raises NotFound."""
        run = self.run(tenant_id, run_id)
        steps = self.steps(tenant_id, run_id, since=since)
        written = "".join(step.model_dump_json() for step in steps)
        version = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
        return Pulse(
            status=run.status,
            erased=run.erased_at is not None,
            adrift=self.journal.is_adrift(run, timedelta(seconds=30)),
            version=version,
        )

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""
        return self.journal.run(tenant_id, run_id)

    def steps(
        self, tenant_id: UUID, run_id: UUID, *, since: int = 1, limit: int | None = None
    ) -> tuple[Step, ...]:
        """Give the steps of a run from number `since` on, in order."""
        steps = self.journal.steps(tenant_id, run_id)
        return tuple(step for step in steps if step.seq >= since)[:limit]

    def family(self, tenant_id: UUID, run_id: UUID) -> tuple[UUID, ...]:
        """Give a run and all that were asked for by it and by those, the run itself first."""
        children = sorted(child.id for child in self.journal.children(tenant_id, run_id))
        below = (self.family(tenant_id, child) for child in children)
        return (run_id, *(member for members in below for member in members))

    def of_session(self, tenant_id: UUID, session_id: UUID) -> tuple[UUID, ...]:
        """Give the runs of a session, oldest first."""
        runs = self.journal.page(tenant_id, RunFilter(limit=1_000_000))
        return tuple(sorted(run.id for run in runs if run.session_id == session_id))

    def attached_elsewhere(self, tenant_id: UUID, run_id: UUID, sha256: str) -> bool:
        """Tell whether another run that is not erased has the attachment too."""
        runs = self.journal.page(tenant_id, RunFilter(limit=1_000_000))
        others = (run for run in runs if run.id != run_id and run.erased_at is None)
        return any(each.sha256 == sha256 for run in others for each in run.attachments)

    def rewrite(self, run: Run, steps: Sequence[Step], announcement: Announcement) -> bool:
        """Put a run that is over and its steps in the place of what is kept.

        False if it was erased meanwhile: then nothing is written or announced.
        """
        kept = self.run(run.tenant_id, run.id)
        if kept.erased_at is not None or not kept.over:
            return False
        self.journal.rewrite(run, steps, announcement)
        return True
