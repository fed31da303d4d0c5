"""Finds runs that nobody drives, and lets the state machine carry them on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchstack.agent_runtime.model.holding import AdriftRun
from orchstack.agent_runtime.ports import Durable, Journal, Sweepings, SweepMetrics
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import NotFound, Unavailable
from orchstack.kernel.observability import bind, logger

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
        swept = Swept(found=len(adrift), started=sum(self._started(run) for run in adrift))
        self.metrics.swept(swept.found, swept.started)
        return swept

    def _started(self, run: AdriftRun) -> bool:
        with bind(tenant_id=run.tenant_id, run_id=run.run_id):
            try:
                with self.journal.transaction(run.tenant_id):
                    n = self.journal.count_start(run.tenant_id, run.run_id)
                self.durable.start(run.tenant_id, run.run_id, n)
            except (NotFound, Unavailable) as error:
                logger.warning("run still adrift", extra={"reason": error.detail})
                return False
            logger.warning("run was adrift", extra={"status": run.status.value, "starts": n})
        return True
