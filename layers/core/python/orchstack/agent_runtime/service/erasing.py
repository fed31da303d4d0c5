"""Erases the texts of runs: of one on demand, of a session's with the session."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchstack.agent_runtime.loop.erase import erased_run, erased_step
from orchstack.agent_runtime.model.events import RunErased
from orchstack.agent_runtime.model.runs import Run, RunView
from orchstack.agent_runtime.ports_contexts import Contexts
from orchstack.agent_runtime.ports_outcomes import Outcomes
from orchstack.agent_runtime.ports_records import Archive
from orchstack.kernel.blobs import Blobs
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import Conflict, SessionBusy
from orchstack.kernel.events import Announcement, AuditEntry, event_of
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal


@dataclass(frozen=True, kw_only=True)
class RunEraser:
    """Takes the texts out of runs that are over; totals, times and hashes stay."""

    archive: Archive
    contexts: Contexts
    outcomes: Outcomes
    blobs: Blobs
    clock: Clock

    def erase(self, principal: Principal, run_id: UUID) -> RunView:
        """Erase a run's texts, and those of the runs it asked for; doing it again changes nothing.

        Raises NotFound, and Conflict while one of them is not over.
        """
        tenant_id = principal.tenant_id
        with self.archive.transaction(tenant_id):
            self.archive.run(tenant_id, run_id)
            family = self.archive.family(tenant_id, run_id)
            runs = [self.archive.run(tenant_id, member) for member in family]
            for run in runs:
                if not run.over:
                    raise Conflict(f"Run {run.id} is under way; cancel it, then erase it.")
                self._erase(run, f"key:{principal.key_id}")
            return RunView.of(self.archive.run(tenant_id, run_id))

    def erase_session(self, tenant_id: UUID, session_id: UUID, *, actor: str) -> int:
        """Erase the texts of all runs of a session, in the transaction that is open.

        Gives how many runs the session has. Raises SessionBusy while one of them is not over.
        """
        with self.archive.transaction(tenant_id):
            heads = self.archive.of_session(tenant_id, session_id)
            members = [m for head in heads for m in self.archive.family(tenant_id, head)]
            for run in [self.archive.run(tenant_id, member) for member in members]:
                if not run.over:
                    raise SessionBusy.with_run(run.id)
                self._erase(run, actor)
        return len(heads)

    def _erase(self, run: Run, actor: str) -> None:
        if run.erased_at is not None:
            return
        now = self.clock.now()
        gone = erased_run(run, now)
        steps = [erased_step(step) for step in self.archive.steps(run.tenant_id, run.id)]
        if self.archive.rewrite(gone, steps, _announcement(gone, actor)):
            self.contexts.erase(run)
            self.outcomes.erase(run)
            # Last, for it cannot be undone: if the process dies now, the retry finds it done.
            for name in {attachment.sha256 for attachment in run.attachments}:
                if not self.archive.attached_elsewhere(run.tenant_id, run.id, name):
                    self.blobs.erase(run.tenant_id, name)


def _announcement(run: Run, actor: str) -> Announcement:
    if run.erased_at is None:
        raise ValueError(f"run {run.id} is not erased")
    data = RunErased(
        run_id=run.id,
        agent=run.agent,
        version=run.version,
        session_id=run.session_id,
        erased_at=run.erased_at,
    )
    subject = f"runs/{run.id}"
    event = event_of(
        "agent_runtime", data, tenant_id=run.tenant_id, subject=subject, at=run.erased_at
    )
    entry = AuditEntry(
        id=new_id(),
        tenant_id=run.tenant_id,
        at=run.erased_at,
        actor=actor,
        action="run.erase",
        subject=subject,
        outcome="succeeded",
        facts={"agent": run.agent, "version": run.version},
    )
    return Announcement(events=(event,), audit=(entry,))
