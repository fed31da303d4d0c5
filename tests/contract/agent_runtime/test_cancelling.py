"""Runs that are cancelled, over every store."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.model.events import LiveEventName
from orchstack.agent_runtime.model.runs import Ask, Mode, Run
from orchstack.agent_runtime.model.steps import FinishReason, ModelWork, RunStatus
from orchstack.agent_runtime.service.cancelling import RunCanceller
from orchstack.kernel.errors import NotFound, RunOver
from tests import make
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.speaking import halting, listening
from tests.contract.agent_runtime.test_durable_runs import durable, execute, start
from tests.contract.agent_runtime.worlds import Stage, key, lapse, says, wishes

MOST_S = 2.0
TOKEN = "t" * 32


def cancel(stage: Stage, run_id: UUID) -> Run:
    """Cancel a run as another process does."""
    driver = RunDriver(stage.world, lease_seconds=stage.lease_seconds)
    return RunCanceller(world=stage.world, driver=driver).cancel(stage.principal, run_id)


def left(stage: Stage) -> UUID:
    """A run whose driver has died over its first call of the model."""
    ask = Ask(agent="adder", text="What is 17 * 23?")
    started = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    return started.run_id


def test_a_run_is_cancelled_while_its_model_is_silent(make_stage: MakeStage) -> None:
    """Within two seconds; what was said is its output, and its caller is told."""
    stage, models = halting(make_stage())
    with listening(stage, models) as heard:
        began = time.monotonic()
        run = cancel(stage, heard.run_id)
        took = time.monotonic() - began
        last = heard.told.result(MOST_S)[-1]

    assert took < MOST_S
    assert (RunStatus.CANCELLED, FinishReason.CANCELLED) == (run.status, run.finish_reason)
    assert ("It is ", LiveEventName.RUN_CANCELLED) == (run.output, last.name)


def test_what_was_said_stays_in_the_journal(make_stage: MakeStage) -> None:
    """As the step's text, without a fault; what it may have cost is counted as lost."""
    stage, models = halting(make_stage())
    with listening(stage, models) as heard:
        cancel(stage, heard.run_id)
        events = heard.told.result(MOST_S)
    steps = stage.records.detail(stage.tenant_id, heard.run_id).steps
    work = next(step.work for step in steps if isinstance(step.work, ModelWork))

    assert ("It is ", None, models.price) == (work.text, work.fault, work.lost_micro_usd)
    assert {"finished"} == {step.status for step in steps}
    assert events == stage.stream(key=key())


def test_a_queued_run_ends_at_once(stage: Stage) -> None:
    """Also behind another one of its session; its machine finds nothing left to do."""
    session = uuid4()
    runs = [start(stage, session_id=session).whole().id for _ in range(2)]

    assert RunStatus.CANCELLED is cancel(stage, max(runs)).status
    assert ["finished"] == execute(stage, max(runs))
    assert [] == stage.models.asked


def test_a_waiting_run_ends_at_once(make_stage: MakeStage) -> None:
    """Nobody is asked any more, and the machine that waited with it goes on."""
    script = (wishes(("ask_human", {"question": "May I?"})), says("Done."))
    stage = make_stage(script, tools=("calculator", "ask_human"))
    run_id = start(stage).whole().id
    assert "waiting" == execute(stage, run_id)[-1]
    stage.world.journal.set_task_token(stage.tenant_id, run_id, TOKEN)
    durable(stage).waiting.add(TOKEN)

    run = cancel(stage, run_id)
    assert (RunStatus.CANCELLED, None) == (run.status, run.question)
    assert set() == durable(stage).waiting


def test_a_run_nobody_drives_ends_at_once(make_stage: MakeStage) -> None:
    """Its model is not asked again for that."""
    stage = make_stage().lasting(0.05)
    run_id = left(stage)
    lapse(stage)

    assert RunStatus.CANCELLED is cancel(stage, run_id).status
    assert [] == stage.models.asked


def test_a_run_whose_driver_died_ends_with_the_next_one(make_stage: MakeStage) -> None:
    """While the lease lasts nobody can end it; whoever takes it over does."""
    stage = make_stage().lasting(3.0)
    run_id = left(stage)
    given = cancel(stage, run_id)
    lapse(stage)
    events = stage.stream(key=key())

    assert RunStatus.RUNNING is given.status
    assert LiveEventName.RUN_CANCELLED is events[-1].name
    assert [] == stage.models.asked


def test_cancelling_twice_gives_the_same_answer(stage: Stage) -> None:
    """Nothing happens the second time."""
    run_id = start(stage).whole().id

    assert cancel(stage, run_id) == cancel(stage, run_id)


def test_a_run_that_ended_otherwise_cannot_be_cancelled(stage: Stage) -> None:
    """It is over, and stays as it is."""
    run = stage.ask()
    with pytest.raises(RunOver):
        cancel(stage, run.id)

    assert RunStatus.COMPLETED is stage.records.detail(stage.tenant_id, run.id).status


def test_anothers_run_cannot_be_cancelled(stage: Stage) -> None:
    """For another tenant there is none."""
    run_id = start(stage, Mode.BACKGROUND).whole().id
    driver = RunDriver(stage.world)
    with pytest.raises(NotFound):
        RunCanceller(world=stage.world, driver=driver).cancel(make.principal(), run_id)
