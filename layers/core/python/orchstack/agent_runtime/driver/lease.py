"""Keeps the lease of a held run while something takes its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.ports import Journal

# Renewed after this part of it, so that a slow commit does not let it lapse.
_PART: Final = 1 / 3


@dataclass(frozen=True, kw_only=True)
class LeaseKeeper:
    """Renews leases when they are due."""

    journal: Journal

    def keep(self, held: Held, *, ahead_s: float = 0.0) -> None:
        """Renew the lease if a third of it has passed, or less than `ahead_s` seconds are left.

        Raises LeaseLost.
        """
        now = held.clock.monotonic()
        passed = now - held.renewed_at
        if passed <= min(held.lease.seconds * _PART, held.lease.seconds - ahead_s):
            return
        with held.timed("database"), self.journal.transaction(held.run.tenant_id):
            self.journal.renew(held.run, held.lease)
        held.renewed_at = now
