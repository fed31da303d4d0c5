"""All who bring runs to their end: callers, the state machine, a human, the sweeper.

Each does his part again if whoever did it before has died over it. Nothing else brings a run on, so
a run that all of them miss is lost, and found out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.driver.runner import RESERVE_SECONDS
from orchstack.agent_runtime.loop import transcript
from orchstack.agent_runtime.model.events import Answering, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.machine import Question, RunReference
from orchstack.agent_runtime.model.runs import Ask, Mode, Run, RunFilter
from orchstack.agent_runtime.model.steps import RunStatus, ToolWork
from orchstack.agent_runtime.ports import Sweepings
from orchstack.agent_runtime.service.cancelling import RunCanceller
from orchstack.agent_runtime.service.stepping import HumanWaits, Stepper
from orchstack.agent_runtime.service.sweeping import Sweeper
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import Conflict, OrchStackError, RequestInFlight, Unavailable
from orchstack.kernel.ids import new_id
from tests.contract.agent_runtime.test_durable_runs import Counted
from tests.contract.agent_runtime.worlds import Stage, key, lapse
from tests.faults.agent_runtime.crashes import Fuse, Killed, fragile
from tests.faults.agent_runtime.scenarios import CutModels, Scenario

LEASE_S = 0.02
MOST_TURNS = 80
# What a caller of a run that is queued waits for his turn where the function's time is short.
_SHORT_S = 0.05
_LONG_S = 600.0
_LOOKS = 30
_ALL_RUNS = RunFilter(limit=100)


class Driver(Enum):
    """Who carries runs on: with whom a request begins, and who goes on after a death."""

    # The caller listens, and sends the request again.
    INLINE = "inline"
    # The caller listens, and is not heard of again: the sweeper finds the run.
    SWEPT = "inline, then swept"
    # Nobody listens: the machine takes one command after the other.
    MACHINE = "machine"
    # The caller listens until the function's time is over; then the machine goes on.
    HANDED_OVER = "inline, handed over"

    @property
    def mode(self) -> Mode:
        """How its callers ask."""
        return Mode.BACKGROUND if self is Driver.MACHINE else Mode.STREAM


class RunLost(Exception):
    """Nobody brings the run on any more."""


@dataclass
class Play:
    """A scenario on a stage, and what was told of it until now."""

    scenario: Scenario
    stage: Stage
    sweepings: Sweepings
    # What each reader was told of a run: callers live, followers by the journal as it stood.
    told: list[tuple[UUID, list[LiveEvent]]] = field(default_factory=list)
    session: UUID = field(default_factory=new_id)
    # Whether somebody has been told that the run is cancelled.
    cancelled: bool = False
    # What a function has of time, in seconds; None: enough.
    budget: Callable[[], float] | None = None
    # Whether a caller hangs up after the event that he is told.
    leaves: Callable[[], bool] = lambda: False
    most_turns: int = MOST_TURNS
    # The runs that sweepers found.
    swept: Counted = field(default_factory=Counted)
    _acting: Stage | None = None

    def carry(self, driver: Driver, fuse: Fuse | None = None) -> None:
        """Play until all is over, in a process that lives as long as its fuse, if it has one."""
        stage = replace(self.stage, world=replace(self.stage.world, pause=self._pause))
        process = replace(self, _acting=stage if fuse is None else fragile(stage, fuse))
        try:
            process._play(driver)
        finally:
            self.cancelled |= process.cancelled

    def _play(self, driver: Driver) -> None:
        for _ in range(self.most_turns):
            if self.over:
                return
            try:
                self._turn(driver)
            except (RequestInFlight, Unavailable):
                lapse(self.stage)
        raise RunLost(self.scenario.name, driver.value)

    @property
    def over(self) -> bool:
        """Whether all runs there have to be are over."""
        runs = self.roots()
        return len(runs) == self.scenario.runs and all(run.over for run in runs)

    def roots(self) -> list[Run]:
        """The runs that callers asked for, as far as they are kept, in the order of the asking."""
        journal, tenant_id = self.stage.world.journal, self.stage.tenant_id
        with journal.transaction(tenant_id):
            known = [journal.find_key(tenant_id, f"key-{n}") for n in range(self.scenario.runs)]
        return [each.run for each in known if each is not None]

    def all_runs(self) -> list[Run]:
        """The runs of the tenant, those that runs asked for included."""
        with self.stage.world.journal.transaction(self.stage.tenant_id):
            return self.stage.world.journal.page(self.stage.tenant_id, _ALL_RUNS)

    def look(self) -> None:
        """Let followers read what the journal tells at the moment."""
        journal, tenant_id = self.stage.world.journal, self.stage.tenant_id
        for run in self.roots():
            with journal.transaction(tenant_id):
                steps = journal.steps(tenant_id, run.id)
                now = journal.run(tenant_id, run.id)
            self.told.append((run.id, list(transcript.journal(now, steps))))

    @property
    def _world(self) -> Stage:
        assert self._acting is not None
        return self._acting

    @property
    def _machine(self) -> InMemoryDurable:
        machine = self.stage.world.durable
        assert isinstance(machine, InMemoryDurable)
        return machine

    @property
    def _time(self) -> float:
        return _LONG_S if self.budget is None else RESERVE_SECONDS + self.budget()

    def _pause(self, seconds: float) -> None:
        """Wait no longer than it takes to see that somebody else is alive: he keeps his lease."""
        clock, waited_s = self.stage.world.clock, min(seconds, LEASE_S / _LOOKS)
        time.sleep(waited_s)
        if isinstance(clock, ManualClock):
            clock.advance(waited_s)

    def _turn(self, driver: Driver) -> None:
        runs = self.roots()
        if len(runs) < self.scenario.runs:
            self._ask(driver)
            return
        if self._to_be_cancelled(runs[0]):
            self._cancel(runs[0].id)
            return
        waiting = next((run for run in runs if run.status is RunStatus.WAITING), None)
        if waiting is not None:
            self._answer(driver, waiting.id)
        elif driver is Driver.INLINE:
            self._ask(driver)
        elif not self._step():
            self._sweep()

    def _ask(self, driver: Driver) -> None:
        """Send all requests (again), and listen."""
        stage, asks = self._world, self.scenario.asks(driver.mode, self.session)
        if driver is Driver.HANDED_OVER:
            stage = self._cut(stage)
        with ExitStack() as process:
            heard = [
                self._begun(process, stage, ask, n, self._seconds(driver, n))
                for n, ask in enumerate(asks)
            ]
            for answer, told in heard:
                self._hear(answer, told)

    def _begun(
        self, process: ExitStack, stage: Stage, ask: Ask, n: int, seconds: float
    ) -> tuple[Answering, list[LiveEvent]]:
        """Send a request, and hear its first event."""
        deadline = stage.world.clock.now().timestamp() + seconds
        answer = stage.runtime.start(stage.principal, ask, key=key(f"key-{n}"), deadline=deadline)
        process.callback(_hung_up, answer)
        told: list[LiveEvent] = []
        self.told.append((answer.run_id, told))
        self._hear(answer, told, first=True)
        return answer, told

    def _seconds(self, driver: Driver, n: int) -> float:
        """What a request has of its function's time: the second of a session waits for its turn."""
        if self.budget is None and driver is Driver.HANDED_OVER and n:
            return RESERVE_SECONDS + _SHORT_S
        return self._time

    def _cut(self, stage: Stage) -> Stage:
        models = stage.world.models
        cut = CutModels(models, self.scenario.cut_from)
        return replace(stage, world=replace(stage.world, models=cut))

    def _hear(self, answer: Answering, told: list[LiveEvent], *, first: bool = False) -> None:
        for event in answer.events:
            told.append(event)
            if event.name is LiveEventName.TOOL_STARTED and not self.cancelled:
                self._cancel_if_wanted(answer.run_id)
            if first or self.leaves():
                return

    def _cancel_if_wanted(self, run_id: UUID) -> None:
        if self.scenario.cancelled:
            self._cancel(run_id)

    def _to_be_cancelled(self, run: Run) -> bool:
        """Whether its tool is at work, and nobody has been told yet that it is cancelled."""
        if not self.scenario.cancelled or self.cancelled:
            return False
        with self.stage.world.journal.transaction(run.tenant_id):
            steps = self.stage.world.journal.steps(run.tenant_id, run.id)
        return any(isinstance(step.work, ToolWork) for step in steps)

    def _cancel(self, run_id: UUID) -> None:
        stage = self._world
        driver = RunDriver(stage.world, lease_seconds=stage.lease_seconds)
        RunCanceller(world=stage.world, driver=driver).cancel(stage.principal, run_id)
        self.cancelled = True

    def _step(self) -> bool:
        """Let each execution that goes on take a step; gives whether one had anything to do."""
        stage, moved = self._world, False
        driver = RunDriver(stage.world, lease_seconds=stage.lease_seconds)
        stepper = Stepper(world=stage.world, driver=driver)
        for run in self.all_runs():
            if run.over or not self._carried_on(run.id):
                continue
            deadline = stage.world.clock.now().timestamp() + self._time
            reference = RunReference(tenant_id=run.tenant_id, run_id=run.id)
            moved |= stepper.advance(reference, deadline=deadline).status != "queued"
        return moved

    def _carried_on(self, run_id: UUID) -> bool:
        """Whether an execution is there that does not wait for a token."""
        started = sum(run_id == started for _, started, _ in self._machine.started)
        return started > (_token(run_id) in self._machine.waiting)

    def _answer(self, driver: Driver, run_id: UUID) -> None:
        """The machine waits with a token if it is there, and the human answers."""
        stage, world = self._world, self._world.world
        if self._carried_on(run_id):
            self._machine.waiting.add(_token(run_id))
            question = Question(tenant_id=stage.tenant_id, run_id=run_id, token=_token(run_id))
            HumanWaits(journal=world.journal, durable=world.durable).keep(question)
        if driver is Driver.HANDED_OVER:
            stage = self._cut(stage)
        deadline = world.clock.now().timestamp() + self._time
        with suppress(Conflict):
            answer = stage.runtime.resume(
                stage.principal, run_id, answer="Yes.", mode=driver.mode, deadline=deadline
            )
            told: list[LiveEvent] = []
            self.told.append((run_id, told))
            self._hear(answer, told)
            _hung_up(answer)

    def _sweep(self) -> None:
        """An hour later the sweeper has to find what nobody else brings on."""
        world = self._world.world
        lapse(self.stage)
        sweeper = Sweeper(
            sweepings=self.sweepings,
            journal=world.journal,
            durable=world.durable,
            metrics=self.swept,
            clock=ManualClock(world.clock.now() + timedelta(hours=1)),
        )
        sweeper.sweep()


def _hung_up(answer: Answering) -> None:
    """Leave nothing of a process that died, or of an answer that nobody hears to its end."""
    with suppress(Killed, OrchStackError):
        answer.events.close()


def _token(run_id: UUID) -> str:
    return f"token-{run_id}"
