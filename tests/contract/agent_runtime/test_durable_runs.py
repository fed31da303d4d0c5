"""Runs that nobody waits for: queued, handed over, left, swept up; over every store."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.postgres import PostgresSweepings
from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.model.events import Answering, LiveEvent
from orchstack.agent_runtime.model.machine import Advanced, RunReference
from orchstack.agent_runtime.model.runs import Ask, Mode, RunView
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports import Sweepings
from orchstack.agent_runtime.service.stepping import Stepper
from orchstack.agent_runtime.service.sweeping import Sweeper
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import RequestInFlight, SessionBusy
from orchstack.kernel.pagination import PageQuery
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, key, says


def durable(stage: Stage) -> InMemoryDurable:
    """The state machine of a stage."""
    machine = stage.world.durable
    assert isinstance(machine, InMemoryDurable)
    return machine


def start(stage: Stage, mode: Mode = Mode.BACKGROUND, **more: Any) -> Answering:
    """Ask the agent."""
    ask = Ask(agent="adder", text="What is 17 * 23?", mode=mode, **more)
    return stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)


def two_of_a_session(stage: Stage, session: UUID) -> list[RunView]:
    """Two runs in the background, in the order of their ids: those of one millisecond have none."""
    runs = [start(stage, session_id=session).whole() for _ in range(2)]
    return sorted(runs, key=lambda run: run.id)


def stepper(stage: Stage) -> Stepper:
    """What the state machine calls."""
    driver = RunDriver(stage.world, lease_seconds=stage.lease_seconds)
    return Stepper(world=stage.world, driver=driver)


def execute(stage: Stage, run_id: UUID) -> list[str]:
    """Carry a run out as the machine does, while that goes on; gives how it stood each time."""
    step = RunReference(tenant_id=stage.tenant_id, run_id=run_id, start=1)
    told: list[str] = []
    while not told or told[-1] == "running":
        step = stepper(stage).advance(step, deadline=stage.deadline)
        told.append(Advanced.model_validate(step).status)
    return told


def shown(stage: Stage, run_id: UUID) -> RunView:
    """The run as it is written down."""
    return stage.records.detail(stage.tenant_id, run_id)


def test_a_run_in_the_background_is_kept_and_the_machine_started(stage: Stage) -> None:
    """Its caller is answered at once; nothing has been asked of a model yet."""
    started = start(stage)
    run = started.whole()

    assert (RunStatus.QUEUED, Mode.BACKGROUND) == (run.status, run.mode)
    assert [] == stage.models.asked
    assert [(stage.tenant_id, run.id, 1)] == durable(stage).started


def test_the_machine_carries_it_to_its_end(stage: Stage) -> None:
    """One command a call: the model, its tool, the model again."""
    run = start(stage).whole()

    assert ["running", "running", "finished"] == execute(stage, run.id)
    detail = stage.records.detail(stage.tenant_id, run.id)
    assert ("It is 391.", 3) == (detail.output, detail.step_count)
    assert detail.begun_at is not None
    assert list(range(1, len(detail.steps) + 1)) == [step.seq for step in detail.steps]


def test_a_key_gives_the_same_run_in_the_background(stage: Stage) -> None:
    """However often it is sent, and in whatever state the run is meanwhile."""
    ask = Ask(agent="adder", text="What is 17 * 23?", mode=Mode.BACKGROUND)

    def again() -> RunView:
        started = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
        return started.whole()

    first, second = again(), again()
    execute(stage, first.id)

    assert first == second
    assert (first.id, RunStatus.COMPLETED) == (again().id, again().status)
    assert 1 == len(durable(stage).started)


def test_a_machine_that_is_away_loses_no_run(stage: Stage) -> None:
    """The run is kept all the same; the sweeper will find it."""
    durable(stage).away = True
    run = start(stage).whole()

    assert RunStatus.QUEUED is shown(stage, run.id).status
    assert ["running", "running", "finished"] == execute(stage, run.id)


def test_what_the_guard_blocks_never_queues(make_stage: MakeStage) -> None:
    """The run has failed by the time its caller is answered."""
    stage = make_stage(guards={"pii_input": "block"})
    ask = Ask(agent="adder", text="something forbidden", mode=Mode.BACKGROUND)
    started = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)

    assert RunStatus.FAILED is started.whole().status
    assert [] == durable(stage).started


def test_a_run_is_handed_over_when_the_time_is_over(stage: Stage) -> None:
    """The caller is told how it stands, and the machine goes on where the function stopped."""
    ask = Ask(agent="adder", text="What is 17 * 23?")
    soon = stage.world.clock.now().timestamp() + 1
    run = stage.runtime.start(stage.principal, ask, key=None, deadline=soon).whole()

    assert RunStatus.RUNNING is run.status
    assert [(stage.tenant_id, run.id, 1)] == durable(stage).started
    assert ["running", "running", "finished"] == execute(stage, run.id)
    assert 2 == len(stage.models.asked)


def test_a_run_in_other_hands_is_tried_later(stage: Stage) -> None:
    """The machine is told to wait, ever longer, and not that anything went wrong."""
    held = start(stage, Mode.STREAM)
    told = [next(held.events)]
    step = RunReference(tenant_id=stage.tenant_id, run_id=held.run_id)
    for expected in (1, 2, 3):
        step = stepper(stage).advance(step, deadline=stage.deadline)
        assert ("queued", expected) == (step.status, step.wait_s)

    assert "run.completed" == (told + list(held.events))[-1].name


def test_an_execution_rolls_over_before_its_history_is_full() -> None:
    """After a thousand commands the next execution takes its place, under a name of its own."""
    reference = RunReference(tenant_id=uuid4(), run_id=uuid4(), start=2, roll=3, advances=998)
    before = Advanced.later(reference)
    after = Advanced.later(before)

    assert (False, 3, 999) == (before.full, before.roll, before.advances)
    assert (True, 4) == (after.full, after.roll)


def test_runs_of_a_session_go_one_after_the_other(stage: Stage) -> None:
    """The second is kept, waits for its turn, and hears what was said in the first."""
    session = uuid4()
    first, second = two_of_a_session(stage, session)

    assert ["queued"] == execute(stage, second.id)
    assert "finished" == execute(stage, first.id)[-1]
    assert "finished" == execute(stage, second.id)[-1]
    assert "It is 391." in str(stage.models.asked[-1].messages[:-3])


def test_a_busy_session_refuses_where_its_agent_says_so(make_stage: MakeStage) -> None:
    """Nothing of the second run is kept."""
    stage, session = make_stage(session_policy="refuse"), uuid4()
    first = start(stage, session_id=session).whole()
    with pytest.raises(SessionBusy, match=str(first.id)):
        start(stage, session_id=session)
    execute(stage, first.id)

    assert 1 == len(stage.records.page(stage.tenant_id, PageQuery()).items)
    assert RunStatus.QUEUED is start(stage, session_id=session).whole().status


def test_a_caller_waits_for_the_turn_of_his_run(make_stage: MakeStage) -> None:
    """He is told that it was accepted, and the rest once the run before is over."""
    stage, session = make_stage([says("Hello.")]), uuid4()
    first = start(stage, session_id=session).whole()
    waiting = start(stage, Mode.STREAM, session_id=session)
    told: list[LiveEvent] = [next(waiting.events)]
    execute(stage, first.id)
    told += waiting.events

    assert ("run.started", "run.completed") == (told[0].name, told[-1].name)
    assert len(told) == len({event.id for event in told})


def test_a_turn_that_does_not_come_in_time_is_the_machines(make_stage: MakeStage) -> None:
    """The caller goes with a queued run, and the machine waits for its turn."""
    stage, session = make_stage([says("Hello.")]), uuid4()
    start(stage, session_id=session)
    # Ids of one millisecond have no order.
    time.sleep(0.002)
    ask = Ask(agent="adder", text="And?", session_id=session)
    soon = stage.world.clock.now().timestamp() + 1
    run = stage.runtime.start(stage.principal, ask, key=None, deadline=soon).whole()

    assert RunStatus.QUEUED is run.status
    assert (stage.tenant_id, run.id, 1) in durable(stage).started
    assert ["queued"] == execute(stage, run.id)


class Counted:
    """Keeps what sweeps found."""

    def __init__(self) -> None:
        self.sweeps: list[tuple[int, int]] = []

    def swept(self, found: int, started: int) -> None:
        """Keep the figures."""
        self.sweeps.append((found, started))


@pytest.fixture
def sweep(request: pytest.FixtureRequest, stage: Stage) -> Callable[[float], tuple[int, int]]:
    """Sweeps, so many seconds later; gives how many runs were found and started."""
    journal = stage.world.journal
    sweepings: Sweepings
    if isinstance(journal, InMemoryJournal):
        sweepings = journal
    else:
        sweepings = PostgresSweepings(request.getfixturevalue("platform_database"))

    def call(later_s: float) -> tuple[int, int]:
        clock = ManualClock(stage.world.clock.now() + timedelta(seconds=later_s))
        metrics = Counted()
        sweeper = Sweeper(
            sweepings=sweepings,
            journal=journal,
            durable=stage.world.durable,
            metrics=metrics,
            clock=clock,
        )
        sweeper.sweep()
        return metrics.sweeps[-1]

    return call


def test_a_run_whose_driver_died_is_swept_up(
    stage: Stage, sweep: Callable[[float], tuple[int, int]]
) -> None:
    """Half a minute after its lease; then the machine goes on from the journal."""
    held = start(stage, Mode.STREAM)
    next(held.events)

    assert (0, 0) == sweep(45)
    assert (1, 1) == sweep(65)
    assert [(stage.tenant_id, held.run_id, 1)] == durable(stage).started


def test_a_run_that_no_machine_was_started_for_is_swept_up(
    stage: Stage, sweep: Callable[[float], tuple[int, int]]
) -> None:
    """Each time under the next number, and each time later: a backlog is not made worse."""
    durable(stage).away = True
    run = start(stage).whole()
    durable(stage).away = False

    assert [(0, 0), (1, 1), (0, 0), (1, 1)] == [sweep(s) for s in (45, 65, 85, 125)]
    assert [2, 3] == [n for _, _, n in durable(stage).started]
    assert "finished" == execute(stage, run.id)[-1]
    assert (0, 0) == sweep(10_000)


def test_a_run_that_waits_for_its_turn_is_not_adrift(
    stage: Stage, sweep: Callable[[float], tuple[int, int]]
) -> None:
    """Only the one before it is; once that is over, it is the other's turn."""
    session = uuid4()
    first, _ = two_of_a_session(stage, session)

    assert (1, 1) == sweep(1_000)
    execute(stage, first.id)
    assert (1, 1) == sweep(1_000)


def test_a_driver_cannot_take_what_another_holds(stage: Stage) -> None:
    """Neither a machine nor a second caller: the lease is one driver's."""
    held = start(stage, Mode.STREAM)
    next(held.events)
    with pytest.raises(RequestInFlight):
        stage.runtime.advance(stage.tenant_id, held.run_id, deadline=stage.deadline)

    assert "run.completed" == list(held.events)[-1].name
