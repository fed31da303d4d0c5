"""Steps, diffs and erasure of runs, over every store."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.model.runs import Ask, RunDetail
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.errors import Conflict, Gone, InvalidCursor, NotFound, SessionBusy
from orchstack.kernel.pagination import PageQuery
from tests import make
from tests.contract.agent_runtime.archives import archive_of, eraser_of, steps_of
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, says, wishes


def test_steps_are_paged_in_order(stage: Stage) -> None:
    """Each comes once, whatever the size of a page."""
    run = stage.ask()
    whole = stage.records.detail(stage.tenant_id, run.id).steps
    found, cursor = list[object](), None
    while len(found) < len(whole):
        query = PageQuery(limit=2, cursor=cursor)
        page = steps_of(stage).page(stage.tenant_id, run.id, query)
        found += page.items
        cursor = page.next_cursor

    assert (list(whole), None) == (found, cursor)


def test_a_step_is_shown_by_its_number(stage: Stage) -> None:
    """One that the run does not have is not found, and neither is another tenant's."""
    run, steps = stage.ask(), steps_of(stage)

    assert "model" == steps.step(stage.tenant_id, run.id, 2).kind
    for tenant_id, run_id, seq in (
        (stage.tenant_id, run.id, 99),
        (stage.tenant_id, uuid4(), 1),
        (uuid4(), run.id, 1),
    ):
        with pytest.raises(NotFound):
            steps.step(tenant_id, run_id, seq)


def test_a_cursor_of_another_listing_is_refused(stage: Stage) -> None:
    """Also one that somebody made up."""
    for _ in range(2):
        run = stage.ask()
    cursor = stage.records.page(stage.tenant_id, PageQuery(limit=1)).next_cursor

    for wrong in (cursor, "made-up"):
        with pytest.raises(InvalidCursor):
            steps_of(stage).page(stage.tenant_id, run.id, PageQuery(cursor=wrong))


def test_runs_of_the_same_question_are_the_same(stage: Stage) -> None:
    """Their times and ids differ, what was said and done does not."""
    first, second = stage.ask(), stage.ask()
    diff = steps_of(stage).diff(stage.tenant_id, first.id, second.id)

    assert (True, None) == (diff.same, diff.first_divergence)
    assert {pair.a for pair in diff.steps} == {pair.b for pair in diff.steps}


def erased(stage: Stage, run_id: UUID) -> RunDetail:
    """The run after its erasure."""
    eraser_of(stage).erase(stage.principal, run_id)
    return stage.records.detail(stage.tenant_id, run_id)


def test_an_erased_run_holds_no_text(make_stage: MakeStage) -> None:
    """Neither of its caller, its model nor its tools; what it took and when stays."""
    stage = make_stage([wishes(("calculator", {"x": "WORD"}), text="WORD"), says("WORD")])
    before = stage.records.detail(stage.tenant_id, stage.ask("WORD").id)
    after = erased(stage, before.id)

    assert "WORD" in before.model_dump_json()
    assert "WORD" not in after.model_dump_json()
    assert after.erased_at is not None
    for name in ("status", "usage", "cost_micro_usd", "step_count", "latency_ms", "finished_at"):
        assert getattr(before, name) == getattr(after, name)
    assert [(step.seq, step.kind, step.usage, step.finished_at) for step in before.steps] == [
        (step.seq, step.kind, step.usage, step.finished_at) for step in after.steps
    ]


def test_erasing_twice_changes_nothing(stage: Stage) -> None:
    """The second time gives the same answer."""
    run_id = stage.ask().id
    first = erased(stage, run_id)

    assert first == erased(stage, run_id)


def test_a_run_under_way_is_not_erased(stage: Stage) -> None:
    """Its texts are still needed."""
    ask = Ask(agent="adder", text="hi")
    started = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)
    with pytest.raises(Conflict):
        erased(stage, started.run_id)

    assert "hi" == stage.records.detail(stage.tenant_id, started.run_id).input


def test_anothers_run_is_not_erased(stage: Stage) -> None:
    """It is not there."""
    run_id = stage.ask().id
    with pytest.raises(NotFound):
        eraser_of(stage).erase(make.principal(), run_id)

    assert stage.records.detail(stage.tenant_id, run_id).output


def test_an_erased_run_is_compared_with_none(stage: Stage) -> None:
    """There is nothing to compare."""
    first, second = stage.ask(), stage.ask()
    erased(stage, second.id)

    for pair in ((first.id, second.id), (second.id, first.id)):
        with pytest.raises(Gone):
            steps_of(stage).diff(stage.tenant_id, *pair)


def test_the_runs_of_a_session_are_erased_with_it(make_stage: MakeStage) -> None:
    """All of them and no others, unless one is under way."""
    stage, session_id = make_stage([says("Hello.")]), uuid4()
    inside = [stage.ask("Hi", session_id=session_id).id for _ in range(2)]
    outside = stage.ask("Hi").id
    count = eraser_of(stage).erase_session(stage.tenant_id, session_id, actor="system:tests")
    outputs = [stage.records.detail(stage.tenant_id, run_id).output for run_id in inside]

    assert (2, ["", ""]) == (count, outputs)
    assert "Hello." == stage.records.detail(stage.tenant_id, outside).output


def test_a_session_with_a_run_under_way_stays(stage: Stage) -> None:
    """Nothing of it is erased."""
    session_id = uuid4()
    done = stage.ask(session_id=session_id)
    ask = Ask(agent="adder", text="hi", session_id=session_id)
    stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)
    with pytest.raises(SessionBusy):
        eraser_of(stage).erase_session(stage.tenant_id, session_id, actor="system:tests")

    assert RunStatus.COMPLETED == done.status
    assert stage.records.detail(stage.tenant_id, done.id).output


def test_a_pulse_changes_with_each_write_and_with_nothing_else(stage: Stage) -> None:
    """So a follower reads only what is new."""
    run_id, archive = stage.ask().id, archive_of(stage)
    before = archive.pulse(stage.tenant_id, run_id, since=1)

    assert before == archive.pulse(stage.tenant_id, run_id, since=1)
    assert before.status.over
    erased(stage, run_id)
    after = archive.pulse(stage.tenant_id, run_id, since=1)
    assert (True, True) == (after.erased, before.version != after.version)
