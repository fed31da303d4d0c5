"""Finds runs that nobody drives, and lets the state machine carry them on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchstack.agent_runtime.ports import Durable, Journal, Sweepings, SweepMetrics
from orchstack.agent_runtime.service.rescuing import Rescuer
from orchstack.kernel.clock import Clock

# How long nobody may have held a run: a machine that is between two states is not gone.
ADRIFT_AFTER: Final = timedelta(seconds=30)
BATCH: Final = 200


@dataclass(frozen=True)
class Swept:
    """What one sweep came to: the runs found, and those the machine was started for."""

    found: int
    started: int


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Starts the machine for runs that are adrift; wants a journal of the platform role."""

    sweepings: Sweepings
    journal: Journal
    durable: Durable
    metrics: SweepMetrics
    clock: Clock

    def sweep(self) -> Swept:
        """Take the longest adrift first, so many at most; the rest waits for the next sweep."""
        adrift = self.sweepings.adrift(self.clock.now() - ADRIFT_AFTER, BATCH)
        rescuer = Rescuer(journal=self.journal, durable=self.durable)
        started = sum(rescuer.rescue(run.tenant_id, run.run_id) for run in adrift)
        swept = Swept(found=len(adrift), started=started)
        self.metrics.swept(swept.found, swept.started)
        return swept
