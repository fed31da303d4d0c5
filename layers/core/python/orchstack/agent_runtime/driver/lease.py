"""Minds a held run while something takes its time: its lease, and whether it is to be cancelled."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.model.steps import Step
from orchstack.agent_runtime.ports import Journal
from orchstack.kernel.errors import Unavailable

# Renewed after this part of it, so that a slow commit does not let it lapse.
_PART: Final = 1 / 3
# How often to look whether the run is to be cancelled.
LOOK_S: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class LeaseKeeper:
    """Does for a run what is due, in one statement if in any."""

    journal: Journal

    def keep(
        self, held: Held, *, ahead_s: float = 0.0, progress: Step | None = None, look: bool = False
    ) -> None:
        """Renew the lease if a third of it has passed, or less than `ahead_s` seconds are left.

        `progress` is a model's step with its text so far, which is written down at once. Twice a
        second, or at once if told to `look`, `held.cancel_requested` is brought up to date. A
        database that is away for a moment harms nothing: if the lease is lost meanwhile, the next
        write finds out. Raises LeaseLost.
        """
        now = held.clock.monotonic()
        passed = now - held.renewed_at
        overdue = passed > min(held.lease.seconds * _PART, held.lease.seconds - ahead_s)
        look = look or now - max(held.renewed_at, held.looked_at) >= LOOK_S
        if progress is None and not overdue and not look:
            return
        with suppress(Unavailable):
            held.cancel_requested |= self._asked(held, progress, overdue=overdue)
            held.looked_at = now
            if overdue or progress is not None:
                held.renewed_at = now

    def _asked(self, held: Held, progress: Step | None, *, overdue: bool) -> bool:
        run, journal = held.run, self.journal
        with held.timed("database"), journal.transaction(run.tenant_id):
            if progress is not None:
                return journal.note(run, progress, held.lease)
            if overdue:
                return journal.renew(run, held.lease)
            return journal.cancel_requested(run.tenant_id, run.id)
