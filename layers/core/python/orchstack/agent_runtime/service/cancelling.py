"""Ends runs at somebody's wish: at once if nobody drives them, else through their drivers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.driver.announcements import of_cancel
from orchstack.agent_runtime.driver.runner import RESERVE_SECONDS
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports import World
from orchstack.kernel.errors import RequestInFlight, RunOver, Unavailable
from orchstack.kernel.observability import logger
from orchstack.kernel.tenancy import Principal

# A driver looks twice a second and may need as long to end the run: this makes two seconds.
_PAUSE_S: Final = 0.05
_LOOKS: Final = 40
# What the end of a run that nobody drives may take.
_END_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class RunCanceller:
    """Cancels runs, and all that they asked for."""

    world: World
    driver: RunDriver

    def cancel(self, principal: Principal, run_id: UUID) -> Run:
        """End a run with what its model has said so far; of a cancelled one, give it again.

        If its driver does not come round to it in two seconds, the run is given as it stands: it
        ends as soon as anybody goes on with it. Raises NotFound, and RunOver if it ended otherwise.
        """
        tenant_id, journal = principal.tenant_id, self.world.journal
        with journal.transaction(tenant_id):
            announcement = of_cancel(principal, run_id, self._now)
            asked = journal.request_cancel(tenant_id, run_id, announcement)
            run = journal.run(tenant_id, run_id)
        if not asked:
            return _cancelled(run)
        for each in asked:
            self._end(tenant_id, each)
        return self._ended(tenant_id, run_id)

    @property
    def _now(self) -> datetime:
        return self.world.clock.now()

    def _end(self, tenant_id: UUID, run_id: UUID) -> None:
        """End a run, unless somebody drives it: he ends it himself."""
        deadline = self._now.timestamp() + _END_S + RESERVE_SECONDS
        with suppress(RequestInFlight):
            held = self.driver.take(tenant_id, run_id)
            for _ in self.driver.drive(held, deadline=deadline):
                pass
            self._let_machine_go(tenant_id, run_id)

    def _let_machine_go(self, tenant_id: UUID, run_id: UUID) -> None:
        """Tell the state machine that waited with the run; else it would until nobody answers."""
        journal = self.world.journal
        with journal.transaction(tenant_id):
            token = journal.take_task_token(tenant_id, run_id)
        if token is None:
            return
        try:
            self.world.durable.answer(token)
        except Unavailable as error:
            logger.warning("machine not answered", extra={"reason": error.detail})

    def _ended(self, tenant_id: UUID, run_id: UUID) -> Run:
        for looks_left in range(_LOOKS, -1, -1):
            with self.world.journal.transaction(tenant_id):
                run = self.world.journal.run(tenant_id, run_id)
            if run.over or not looks_left:
                break
            self.world.pause(_PAUSE_S)
        return _cancelled(run) if run.over else run


def _cancelled(run: Run) -> Run:
    if run.status is not RunStatus.CANCELLED:
        raise RunOver
    return run
