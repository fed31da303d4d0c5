"""Runs that ask a human, over every store: they wait without a driver, and one answer counts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from orchstack.agent_runtime.model.events import Answering, LiveEvent
from orchstack.agent_runtime.model.machine import Question
from orchstack.agent_runtime.model.runs import Ask, Mode, RunView
from orchstack.agent_runtime.model.steps import RunStatus, WaitWork
from orchstack.agent_runtime.service.stepping import HumanWaits
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import (
    Conflict,
    ContentBlocked,
    InvalidRequest,
    OrchStackError,
    RunOver,
)
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.test_durable_runs import durable, execute, shown, start
from tests.contract.agent_runtime.worlds import Stage, says, wishes

QUESTION = "May I?"
TOKEN = "t" * 32
SCRIPT = (wishes(("ask_human", {"question": QUESTION})), says("Done."))


@pytest.fixture
def asking(make_stage: MakeStage) -> Stage:
    """A stage whose agent asks a human, then answers."""
    return make_stage(SCRIPT, tools=("calculator", "ask_human"))


def resume(
    stage: Stage, run_id: UUID, answer: str | None = "Yes.", mode: Mode = Mode.BACKGROUND
) -> RunView:
    """Answer a run."""
    return _resumed(stage, run_id, answer, mode).whole()


def _resumed(stage: Stage, run_id: UUID, answer: str | None, mode: Mode) -> Answering:
    return stage.runtime.resume(
        stage.principal, run_id, answer=answer, mode=mode, deadline=stage.deadline
    )


def waiting(stage: Stage) -> RunView:
    """A run in the background that has come to its question."""
    run = start(stage).whole()
    assert "waiting" == execute(stage, run.id)[-1]
    return run


def keep(stage: Stage, question: Question) -> None:
    """Keep a token, as the machine's function does."""
    HumanWaits(journal=stage.world.journal, durable=stage.world.durable).keep(question)


def the_wait(stage: Stage, run_id: UUID) -> WaitWork:
    """The step that waits or has waited."""
    works = [step.work for step in stage.records.detail(stage.tenant_id, run_id).steps]
    (wait,) = [work for work in works if isinstance(work, WaitWork)]
    return wait


def test_a_caller_is_told_the_question(asking: Stage) -> None:
    """The run waits, and nobody holds it."""
    run = start(asking, Mode.WAIT).whole()

    assert (RunStatus.WAITING, QUESTION) == (run.status, run.question)
    assert RunStatus.WAITING is shown(asking, run.id).status


def test_a_stream_ends_with_the_question(asking: Stage) -> None:
    """Its last event says what is asked, and until when."""
    last = list(start(asking, Mode.STREAM).events)[-1]

    assert ("run.waiting", QUESTION) == (last.name, last.data["question"])


def test_an_answer_goes_to_the_model(asking: Stage) -> None:
    """Inline the rest is told from the answer on; the question is on record with who answered."""
    run = start(asking, Mode.WAIT).whole()
    events: list[LiveEvent] = list(_resumed(asking, run.id, "Yes.", Mode.STREAM).events)

    assert ("run.resumed", "run.completed") == (events[0].name, events[-1].name)
    assert "Yes." == asking.models.asked[-1].messages[-1].content
    wait = the_wait(asking, run.id)
    assert ("Yes.", f"key:{asking.principal.key_id}") == (wait.answer, wait.answered_by)


def test_the_machine_goes_on_with_its_token(asking: Stage) -> None:
    """The execution that waits is answered; no other is started."""
    run = waiting(asking)
    machine = durable(asking)
    machine.waiting.add(TOKEN)
    reference = Question(tenant_id=asking.tenant_id, run_id=run.id, token=TOKEN)
    keep(asking, reference)
    resumed = resume(asking, run.id)

    assert RunStatus.RUNNING is resumed.status
    assert (set(), 1) == (machine.waiting, len(machine.started))
    assert ["finished"] == execute(asking, run.id)
    assert "Done." == shown(asking, run.id).output


def test_a_token_that_comes_late_is_answered_at_once(asking: Stage) -> None:
    """Between the question and the token somebody had answered: the execution does not wait."""
    run = waiting(asking)
    resume(asking, run.id)
    machine = durable(asking)
    machine.waiting.add(TOKEN)
    reference = Question(tenant_id=asking.tenant_id, run_id=run.id, token=TOKEN)
    keep(asking, reference)

    assert set() == machine.waiting
    # Without a token the answer itself had to start an execution.
    assert [1, 2] == [n for _, _, n in machine.started]


def test_an_execution_that_is_gone_is_replaced(asking: Stage) -> None:
    """A token that nobody waits with any more does not leave the run to itself."""
    run = waiting(asking)
    keep(asking, Question(tenant_id=asking.tenant_id, run_id=run.id, token=TOKEN))
    resume(asking, run.id)

    assert [1, 2] == [n for _, _, n in durable(asking).started]


def test_without_the_answer_the_caller_is_told_what_to_send(asking: Stage) -> None:
    """The question stands in the refusal, and the run goes on waiting."""
    run = waiting(asking)
    with pytest.raises(InvalidRequest, match="May I") as refusal:
        resume(asking, run.id, None)

    assert "/answer" == refusal.value.faults[0]["path"]
    assert RunStatus.WAITING is shown(asking, run.id).status
    assert RunStatus.COMPLETED is resume(asking, run.id, mode=Mode.WAIT).status


def test_only_a_run_that_asks_takes_an_answer(asking: Stage) -> None:
    """A second answer is refused; what is over stays over."""
    run = waiting(asking)
    resume(asking, run.id)
    with pytest.raises(Conflict, match="asks nobody"):
        resume(asking, run.id)
    execute(asking, run.id)
    with pytest.raises(RunOver):
        resume(asking, run.id)

    assert "Yes." == the_wait(asking, run.id).answer


def test_a_run_that_nobody_drives_is_carried_on(asking: Stage) -> None:
    """By whoever asks for it, without an answer."""
    run = start(asking).whole()
    resumed = resume(asking, run.id, None, Mode.WAIT)

    assert (RunStatus.WAITING, QUESTION) == (resumed.status, resumed.question)


def test_the_guard_checks_an_answer(make_stage: MakeStage) -> None:
    """What it blocks is refused, and the run goes on waiting."""
    tools = ("calculator", "ask_human")
    stage = make_stage(SCRIPT, tools=tools, guards={"pii_input": "block"})
    run = waiting(stage)
    with pytest.raises(ContentBlocked):
        resume(stage, run.id, "something forbidden")

    assert RunStatus.WAITING is shown(stage, run.id).status
    assert RunStatus.COMPLETED is resume(stage, run.id, mode=Mode.WAIT).status


def test_an_answer_is_redacted(asking: Stage) -> None:
    """What the model reads is what is kept."""
    run = waiting(asking)
    resume(asking, run.id, "It is forbidden.", Mode.WAIT)

    assert "It is [WORD]." == the_wait(asking, run.id).answer
    assert "It is [WORD]." == asking.models.asked[-1].messages[-1].content


def test_two_answers_at_once_are_one(make_stage: MakeStage) -> None:
    """Exactly one counts, whoever is first; all others are refused."""
    stage = make_stage(SCRIPT, tools=("calculator", "ask_human"))
    run = waiting(stage)
    gate = threading.Barrier(4)

    def answer(text: str) -> str:
        gate.wait()
        try:
            resume(stage, run.id, text)
        except OrchStackError as error:
            return error.code
        finally:
            stage.hang_up()
        return text

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(answer, "abcd"))

    (counted,) = set(said) & set("abcd")
    assert {"conflict", "request_in_flight"} >= set(said) - {counted}
    assert counted == the_wait(stage, run.id).answer


def later(stage: Stage) -> Stage:
    """The stage after nobody has answered in time."""
    clock = ManualClock(stage.world.clock.now() + timedelta(days=8))
    return replace(stage, world=replace(stage.world, clock=clock))


def test_nobody_answers_in_time(asking: Stage) -> None:
    """The machine goes on, and the model is told."""
    run = waiting(asking)
    stage = later(asking)

    assert ["running", "finished"] == execute(stage, run.id)
    assert the_wait(stage, run.id).expired
    with pytest.raises(RunOver):
        resume(stage, run.id)


def test_an_answer_that_comes_too_late_is_refused(asking: Stage) -> None:
    """Also before anybody has noticed that the time is over."""
    run = waiting(asking)
    with pytest.raises(Conflict):
        resume(later(asking), run.id)


def test_one_question_after_the_other(make_stage: MakeStage) -> None:
    """Of two questions in one answer the second is asked when the first is answered."""
    two = wishes(("ask_human", {"question": "One?"}), ("ask_human", {"question": "Two?"}))
    stage = make_stage((two, says("Done.")), tools=("calculator", "ask_human"))
    run = waiting(stage)
    second = resume(stage, run.id, "1", Mode.WAIT)

    assert (RunStatus.WAITING, "Two?") == (second.status, second.question)
    assert RunStatus.COMPLETED is resume(stage, run.id, "2", Mode.WAIT).status
    assert ["1", "2"] == [message.content for message in stage.models.asked[-1].messages[-2:]]


def test_tools_go_before_questions(make_stage: MakeStage) -> None:
    """Of one answer's wishes the tools are called while nobody has to be waited for."""
    mixed = wishes(("ask_human", {"question": QUESTION}), ("calculator", {}))
    stage = make_stage((mixed, says("Done.")), tools=("calculator", "ask_human"))
    ask = Ask(agent="adder", text="hi")
    run = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline).whole()

    assert (RunStatus.WAITING, 1) == (run.status, len(stage.tools.called))
