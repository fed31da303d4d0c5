"""Carries runs on for a caller who waits, and hands over to the state machine what takes longer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.driver import Held, RunDriver
from orchstack.agent_runtime.driver.runner import RESERVE_SECONDS
from orchstack.agent_runtime.loop.transcript import Teller
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.holding import NotYourTurn
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.ports import World
from orchstack.kernel.errors import DeadlineExceeded, RequestInFlight, Unavailable
from orchstack.kernel.observability import logger

# How often a run that waits for its turn in its session asks whether it has come.
TURN_PAUSE_S: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """Drives runs inline; whatever it leaves, the state machine goes on with."""

    world: World
    driver: RunDriver

    def carried(self, held: Held, *, deadline: float) -> Generator[LiveEvent, None, Run]:
        """Tell a run and carry it on until it is over, asks a human, or the time is over.

        A caller who goes away takes nothing with him: the run goes on all the same. Gives the run
        as it stands then. `deadline` is Unix time in seconds. Raises LeaseLost, Unavailable.
        """
        events = self.driver.drive(held, deadline=deadline)
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                run: Run = end.value
                return run
            except DeadlineExceeded:
                return self._handed_over(held.run)
            try:
                yield event
            except GeneratorExit:
                self._unheard(events, held)
                raise

    def in_turn(
        self, tenant_id: UUID, run_id: UUID, *, deadline: float
    ) -> Generator[LiveEvent, None, Run]:
        """Do the same with a run that is queued, once it is its turn in its session."""
        with self.world.journal.transaction(tenant_id):
            run = self.world.journal.run(tenant_id, run_id)
            steps = self.world.journal.steps(tenant_id, run_id)
        teller = Teller()
        try:
            yield from teller.tell(run, steps)
        except GeneratorExit:
            self._handed_over(run)
            raise
        held = self._awaited(run, deadline - RESERVE_SECONDS)
        if held is None:
            return self._handed_over(run)
        held.teller = teller
        return (yield from self.carried(held, deadline=deadline))

    def start_machine(self, tenant_id: UUID, run_id: UUID, n: int) -> None:
        """Start the machine's n-th execution for a run; if that fails, the sweeper will."""
        try:
            self.world.durable.start(tenant_id, run_id, n)
        except Unavailable as error:
            logger.warning("machine not started", extra={"reason": error.detail})

    def answer_machine(self, token: str) -> bool:
        """Let the execution that waits with a token go on; False if that did not reach one."""
        try:
            return self.world.durable.answer(token)
        except Unavailable as error:
            logger.warning("machine not answered", extra={"reason": error.detail})
            return False

    def _handed_over(self, run: Run) -> Run:
        with self.world.journal.transaction(run.tenant_id):
            n = self.world.journal.count_start(run.tenant_id, run.id)
        self.start_machine(run.tenant_id, run.id, n)
        return run

    def _awaited(self, run: Run, until: float) -> Held | None:
        """Take a run over when its turn has come; None if that is not in time."""
        while self.world.clock.now().timestamp() < until:
            try:
                return self.driver.take(run.tenant_id, run.id)
            except NotYourTurn:
                self.world.pause(TURN_PAUSE_S)
            except RequestInFlight:
                # Somebody else saw first that it was its turn, and drives it.
                return None
        return None

    def _unheard(self, events: Generator[LiveEvent, None, Run], held: Held) -> None:
        try:
            for _ in events:
                pass
        except DeadlineExceeded:
            self._handed_over(held.run)
        except (RequestInFlight, Unavailable) as error:
            logger.warning("run left to the sweeper", extra={"reason": error.detail})
