"""Forks and replays of runs, over every store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.model.forks import ToolAnswer
from orchstack.agent_runtime.model.runs import Mode, Origin, RunDetail, StepView
from orchstack.agent_runtime.model.steps import GuardWork, RunStatus, ToolWork
from orchstack.kernel.chat import Completion, Usage
from orchstack.kernel.errors import (
    Conflict,
    Gone,
    IdempotencyKeyReused,
    InvalidDocument,
    NoProviderAvailable,
    NotFound,
    OrchStackError,
)
from orchstack.kernel.events import Announcement
from tests.contract.agent_runtime.archives import (
    archive_of,
    eraser_of,
    followed,
    forked,
    forking,
    replayed,
    told,
)
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, key, says, wishes

TWICE = wishes(("calculator", {"n": 1}), ("calculator", {"n": 2}))


def recorded(stage: Stage, **more: Any) -> RunDetail:
    """A run that is over: guard, model, tool, guard, model, guard, finish."""
    return stage.records.detail(stage.tenant_id, stage.ask(**more).id)


def plain(steps: Sequence[StepView]) -> list[dict[str, Any]]:
    """Steps without what they cost, and without what their models were shown."""
    gone: Any = {"recorded", "usage", "cost_micro_usd"}
    dumped = [step.model_dump(exclude=gone) for step in steps]
    for step in dumped:
        step["work"].pop("context", None)
    return dumped


@pytest.mark.parametrize("from_step", range(1, 8))
def test_a_fork_takes_over_the_steps_below(stage: Stage, from_step: int) -> None:
    """As they are and for nothing; a guard's word on them comes along. Then it goes on as usual."""
    origin = recorded(stage)
    asked, called = len(stage.models.asked), len(stage.tools.called)
    fork = forked(stage, origin.id, from_step)
    taken = [step for step in fork.steps if step.recorded]

    assert plain(origin.steps)[: len(taken)] == plain(taken)
    assert {(Usage(), 0)} >= {(step.usage, step.cost_micro_usd) for step in taken}
    assert (RunStatus.COMPLETED, "It is 391.") == (fork.status, fork.output)
    assert fork.forked_from is not None
    assert (origin.id, from_step <= 1) == (fork.forked_from.run_id, not taken)
    assert (from_step <= 2) + (from_step <= 5) == len(stage.models.asked) - asked
    assert (from_step <= 3) == len(stage.tools.called) - called


def test_the_result_of_a_tool_can_be_another(make_stage: MakeStage) -> None:
    """It stands in for what the tool said, past the guard; the other results stay."""
    stage = make_stage([TWICE, says("Done.")])
    origin = recorded(stage)
    called = len(stage.tools.called)
    answer = ToolAnswer("a forbidden 392", is_error=True)
    fork = forked(stage, origin.id, 4, tool_answer=answer)
    works = [step.work for step in fork.steps]
    results = [(work.content, work.is_error) for work in works if isinstance(work, ToolWork)]
    decided = [work.concerns for work in works if isinstance(work, GuardWork) and work.concerns]

    assert called == len(stage.tools.called)
    assert [("0", False), ("a [WORD] 392", True)] == results
    assert [3, 4] == decided[:2]
    assert [message.content for message in stage.models.asked[-1].messages[-2:]] == [
        content for content, _ in results
    ]
    assert Origin(run_id=origin.id, step=7, changed=(4, 6)) == fork.forked_from


def test_the_middle_of_a_batch_is_called_anew(make_stage: MakeStage) -> None:
    """What was called before it stays, with its guard's word; each wish is answered once."""
    stage = make_stage([TWICE, says("Done.")])
    fork = forked(stage, recorded(stage).id, 4)
    wanted = [step.work.position for step in fork.steps if isinstance(step.work, ToolWork)]

    assert [0, 1] == wanted
    assert 3 == len(stage.tools.called)
    assert list(range(1, len(fork.steps) + 1)) == [step.seq for step in fork.steps]
    assert "Done." == fork.output


def test_another_input_passes_the_guard(stage: Stage) -> None:
    """Its decision is the fork's own, and the models read the new words."""
    origin = recorded(stage)
    fork = forked(stage, origin.id, 5, text="a forbidden question")

    assert "a [WORD] question" == fork.input
    assert "a [WORD] question" == stage.models.asked[-1].messages[1].content
    assert Origin(run_id=origin.id, step=5, changed=(1,)) == fork.forked_from
    assert [False, True, True, True] == [step.recorded for step in fork.steps[:4]]


def test_a_blocked_input_ends_the_fork(make_stage: MakeStage) -> None:
    """Whatever it took over."""
    stage = make_stage(guards={"pii_input": "block"})
    fork = forked(stage, recorded(stage).id, 5, text="something forbidden")

    assert (RunStatus.FAILED, "") == (fork.status, fork.input)


def test_a_fork_may_have_other_instructions_and_another_model(stage: Stage) -> None:
    """For the calls that are its own; a fork of the fork inherits them."""
    first = forked(stage, recorded(stage).id, 5, instructions="Be brief.", model="some/model")
    asked = stage.models.asked[-1]
    second = forked(stage, first.id, 5, instructions="Be long.")
    again = stage.models.asked[-1]

    assert ("some/model", "Be brief.") == (asked.model, asked.messages[0].content)
    assert ("some/model", "Be long.") == (again.model, again.messages[0].content)
    assert second.forked_from is not None
    assert first.id == second.forked_from.run_id


def test_a_fork_counts_its_own_cost_only(make_stage: MakeStage) -> None:
    """The origin has paid for what was taken over; the budget is whole again."""
    stage = make_stage(limits={"max_cost_micro_usd": 6})
    stage.models.price = 3
    origin = recorded(stage)
    fork = forked(stage, origin.id, 5)

    assert (6, 3) == (origin.cost_micro_usd, fork.cost_micro_usd)
    assert RunStatus.COMPLETED == fork.status


@pytest.mark.parametrize(
    ("from_step", "changes", "path"),
    [
        (99, {}, "/from_step"),
        (2, {"tool_answer": ToolAnswer("x")}, "/tool_result"),
    ],
)
def test_a_place_that_is_none_is_refused(
    stage: Stage, from_step: int, changes: dict[str, Any], path: str
) -> None:
    """With the steps there are, and without a new run."""
    origin = recorded(stage)
    with pytest.raises(InvalidDocument) as refusal:
        forked(stage, origin.id, from_step, **changes)

    assert [path] == [fault["path"] for fault in refusal.value.faults]


def test_a_run_under_way_is_forked_where_it_is_done(stage: Stage) -> None:
    """Below the step that is still at work."""
    started = forking(stage, recorded(stage).id, 2)
    fork = forked(stage, started.run_id, 2)
    answer = ToolAnswer("x")

    assert RunStatus.COMPLETED == fork.status
    with pytest.raises((Conflict, InvalidDocument)):
        forked(stage, started.run_id, 3, tool_answer=answer)


def test_a_fork_is_made_once_by_its_key(stage: Stage) -> None:
    """The same key gives the same run; with another request it is refused."""
    origin = recorded(stage)
    first = forking(stage, origin.id, 5, key=key()).whole()
    again = forking(stage, origin.id, 5, key=key())

    assert (first.id, True) == (again.run_id, again.replayed)
    assert first == again.whole()
    with pytest.raises(IdempotencyKeyReused):
        forking(stage, origin.id, 5, key=key(request_hash="b" * 64))


def test_a_fork_in_the_background_is_carried_on_by_others(stage: Stage) -> None:
    """It keeps its origin's history, and is told from its beginning like any run."""
    session_id = uuid4()
    stage.ask("Hello", session_id=session_id)
    origin = recorded(stage, session_id=session_id)
    started = forking(stage, origin.id, 5, mode=Mode.BACKGROUND)
    events = told(
        followed(stage, started.run_id, meanwhile=lambda: _advance(stage, started.run_id))
    )
    fork = stage.records.detail(stage.tenant_id, started.run_id)

    assert ("run.started", "run.completed") == (events[0].name, events[-1].name)
    assert fork.session_id is None
    assert "Hello" == stage.models.asked[-1].messages[1].content


def _advance(stage: Stage, run_id: UUID) -> None:
    stage.runtime.advance(stage.tenant_id, run_id, deadline=stage.deadline)


def test_an_erased_run_is_gone(stage: Stage) -> None:
    """There is nothing to begin with, and nothing to decide again."""
    origin = recorded(stage)
    eraser_of(stage).erase(stage.principal, origin.id)

    with pytest.raises(Gone):
        forked(stage, origin.id, 5)
    with pytest.raises(Gone):
        replayed(stage, origin.id)


def test_a_fork_outlives_its_origin(stage: Stage) -> None:
    """Erasing the one takes nothing from the other."""
    origin = recorded(stage)
    fork = forked(stage, origin.id, 5)
    eraser_of(stage).erase(stage.principal, origin.id)

    assert fork == stage.records.detail(stage.tenant_id, fork.id)
    assert replayed(stage, fork.id).identical
    assert "It is 391." == forked(stage, fork.id, 7).output


def test_anothers_run_is_not_there(stage: Stage) -> None:
    """Neither to be forked nor to be replayed."""
    with pytest.raises(NotFound):
        forked(stage, uuid4(), 1)
    with pytest.raises(NotFound):
        replayed(stage, uuid4())


SCRIPTS: list[list[Completion | OrchStackError]] = [
    [wishes(("calculator", {"expression": "17 * 23"})), says("It is 391.")],
    [TWICE, TWICE, says("Done.")],
    [wishes(("shell", {}), ("calculator", {"x": "forbidden"})), says("forbidden")],
    [NoProviderAvailable()],
    [says("cut", finish_reason="length")],
]


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
@pytest.mark.parametrize("limits", [{}, {"max_steps": 1}, {"max_cost_micro_usd": 5}])
def test_a_replay_decides_as_it_was_decided(
    make_stage: MakeStage, script: list[Completion | OrchStackError], limits: dict[str, int]
) -> None:
    """Each time, without calling anything; so does that of each fork."""
    stage = make_stage(script, limits=limits)
    stage.models.price = 3
    run = recorded(stage)
    asked = len(stage.models.asked)
    report = replayed(stage, run.id)
    planned = [step.seq for step in run.steps if step.kind != "guard"]

    assert (True, None) == (report.identical, report.first_difference)
    assert planned == [decision.seq for decision in report.decisions]
    assert report == replayed(stage, run.id)
    assert asked == len(stage.models.asked)
    assert replayed(stage, forked(stage, run.id, 2).id).identical


def test_a_run_that_could_not_be_asked_for_is_replayed(make_stage: MakeStage) -> None:
    """Why its model was never called is on record."""
    stage = make_stage(model="nobody/model")
    run = recorded(stage)

    assert RunStatus.FAILED == run.status
    assert replayed(stage, run.id).identical


def test_a_replay_notices_what_a_model_would_be_shown_otherwise(stage: Stage) -> None:
    """The hash of each call's context is part of the decision to make it."""
    run = recorded(stage)
    journal = stage.world.journal
    steps = list(journal.steps(stage.tenant_id, run.id))
    work = steps[2].work
    assert isinstance(work, ToolWork)
    steps[2] = steps[2].model_copy(update={"work": work.model_copy(update={"content": "392"})})
    told_otherwise = journal.run(stage.tenant_id, run.id).model_copy(update={"output": "?"})
    archive_of(stage).rewrite(told_otherwise, steps, Announcement())
    report = replayed(stage, run.id)

    assert report.first_difference is not None
    assert (False, 5) == (report.identical, report.first_difference.seq)
    assert [2, 3] == [decision.seq for decision in report.decisions]
