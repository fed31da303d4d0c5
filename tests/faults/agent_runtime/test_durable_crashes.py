"""No run is lost, whoever dies: caller, machine, human or sweeper, at any point of a long run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.postgres import PostgresSweepings
from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.model.machine import Question, RunReference
from orchstack.agent_runtime.model.runs import Ask, Mode, RunDetail
from orchstack.agent_runtime.model.steps import RunStatus, WaitWork
from orchstack.agent_runtime.ports import Sweepings
from orchstack.agent_runtime.service.stepping import HumanWaits, Stepper
from orchstack.agent_runtime.service.sweeping import Sweeper
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import Conflict, DeadlineExceeded
from orchstack.kernel.pagination import PageQuery
from tests.contract.agent_runtime.test_durable_runs import Counted
from tests.contract.agent_runtime.worlds import Stage, key, lapse, says, wishes
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.crashes import Fuse, Killed, bury, fragile

TOKEN = "token"
LONG_RUN = (
    wishes(
        ("calculator", {"expression": "17 * 23"}), ("ask_human", {"question": "Shall I say it?"})
    ),
    says("It is 391."),
)
MOST_TURNS = 60


@dataclass
class Players:
    """All who bring a run to its end; each does his part again if the one before died in his."""

    stage: Stage
    machine: InMemoryDurable
    sweepings: Sweepings
    mode: Mode = Mode.BACKGROUND
    # How many seconds the next function has.
    time_left: Callable[[], float] = lambda: 600.0

    def play(self) -> None:
        """Play until the run is over."""
        for _ in range(MOST_TURNS):
            detail = self.detail()
            if detail is None:
                self.ask()
            elif detail.status.over:
                return
            elif detail.status is RunStatus.WAITING:
                self.wait_and_answer(detail.id)
            elif self._carried_on:
                self.step(detail.id)
            else:
                self.sweep()
        raise AssertionError("the run was lost")

    @property
    def deadline(self) -> float:
        """When the next function has to be over."""
        return self.stage.world.clock.now().timestamp() + self.time_left()

    @property
    def _carried_on(self) -> bool:
        """Whether an execution is there that does not wait for a token."""
        return len(self.machine.started) > len(self.machine.waiting)

    def detail(self) -> RunDetail | None:
        """The run, if it was kept."""
        items = self.stage.records.page(self.stage.tenant_id, PageQuery()).items
        assert len(items) <= 1
        return self.stage.records.detail(self.stage.tenant_id, items[0].id) if items else None

    def ask(self) -> None:
        """The caller sends his request (again)."""
        ask = Ask(agent="adder", text="What is 17 * 23?", mode=self.mode)
        stage = self.stage
        stage.runtime.start(stage.principal, ask, key=key(), deadline=self.deadline).whole()

    def step(self, run_id: UUID) -> None:
        """The machine takes its next step, or the same again."""
        lapse(self.stage)
        driver = RunDriver(self.stage.world, lease_seconds=self.stage.lease_seconds)
        reference = RunReference(tenant_id=self.stage.tenant_id, run_id=run_id)
        stepper = Stepper(world=self.stage.world, driver=driver)
        with suppress(DeadlineExceeded):
            stepper.advance(reference, deadline=self.deadline)

    def wait_and_answer(self, run_id: UUID) -> None:
        """The machine waits with a token if it is there, and the human answers."""
        world = self.stage.world
        lapse(self.stage)
        if self._carried_on:
            self.machine.waiting.add(TOKEN)
            question = Question(tenant_id=self.stage.tenant_id, run_id=run_id, token=TOKEN)
            HumanWaits(journal=world.journal, durable=world.durable).keep(question)
        with suppress(Conflict):
            self.stage.runtime.resume(
                self.stage.principal,
                run_id,
                answer="Yes.",
                mode=self.mode,
                deadline=self.deadline,
            ).whole()

    def sweep(self) -> None:
        """An hour later the sweeper has to find the run: nobody else knows of it."""
        world, found = self.stage.world, Counted()
        sweeper = Sweeper(
            sweepings=self.sweepings,
            journal=world.journal,
            durable=world.durable,
            metrics=found,
            clock=ManualClock(world.clock.now() + timedelta(hours=1)),
        )
        sweeper.sweep()
        assert [(1, 1)] == found.sweeps


MakePlayers = Callable[[], Players]


@pytest.fixture
def make_players(request: pytest.FixtureRequest, make_stage: MakeStage) -> MakePlayers:
    """Makes players over a store, of a tenant of their own; their run asks a tool and a human."""

    def make() -> Players:
        stage = make_stage(LONG_RUN, tools=("calculator", "ask_human")).lasting(0.03)
        machine, journal = stage.world.durable, stage.world.journal
        assert isinstance(machine, InMemoryDurable)
        if isinstance(journal, InMemoryJournal):
            return Players(stage, machine, journal)
        database = request.getfixturevalue("platform_database")
        return Players(stage, machine, PostgresSweepings(database))

    return make


def assert_whole(players: Players) -> None:
    """One completed run without a gap; one effect of its tool, and one answer of the human."""
    detail = players.detail()
    assert detail is not None
    answers = [step.work.answer for step in detail.steps if isinstance(step.work, WaitWork)]

    assert (RunStatus.COMPLETED, "It is 391.") == (detail.status, detail.output)
    assert list(range(1, len(detail.steps) + 1)) == [step.seq for step in detail.steps]
    assert {"finished"} == {step.status for step in detail.steps}
    assert (1, ["Yes."]) == (len(players.stage.tools.effects), answers)


def test_nothing_that_dies_takes_a_run_with_it(make_players: MakePlayers) -> None:
    """Killed before and after each commit, each call outside and each word to the machine."""
    points: list[str] = []
    for strike_at in count(1):
        players, fuse = make_players(), Fuse(strike_at)
        doomed = replace(players, stage=fragile(players.stage, fuse))
        died = False
        try:
            doomed.play()
        except Killed:
            died = True
        bury()
        players.play()
        assert_whole(players)
        points = fuse.passed
        if not died:
            break

    assert {"before start", "after start", "before answer", "after answer"} <= set(points)
    assert len(points) >= 20


@pytest.mark.parametrize("first_at", range(1, 40, 3))
def test_the_second_death_is_survived_too(make_players: MakePlayers, first_at: int) -> None:
    """Whoever goes on may die as well, at any point."""
    for second_at in range(1, 30, 4):
        players = make_players()
        for strike_at in (first_at, second_at):
            doomed = replace(players, stage=fragile(players.stage, Fuse(strike_at)))
            with suppress(Killed):
                doomed.play()
            bury()
        players.play()
        assert_whole(players)
