"""What a run does over every store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.model.events import LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Ask, Mode, RunView
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus
from orchstack.kernel.chat import Role
from orchstack.kernel.errors import (
    IdempotencyKeyReused,
    NoProviderAvailable,
    NotFound,
    PayloadTooLarge,
    RequestInFlight,
)
from orchstack.kernel.pagination import PageQuery
from tests import make
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, key, lapse, says, wishes


def names(events: list[LiveEvent]) -> list[str]:
    """The names of the events."""
    return [event.name.value for event in events]


def test_a_run_tells_what_happens_in_order(stage: Stage) -> None:
    """Each with a place behind the one before, from run.started to run.completed."""
    events = stage.stream()
    ids = [event.id for event in events]

    assert sorted(set(ids)) == ids
    assert [
        "run.started",
        "guard.decided",
        "model.started",
        "model.completed",
        "tool.started",
        "tool.completed",
        "guard.decided",
        "model.started",
        "text.delta",
        "text.delta",
        "text.delta",
        "model.completed",
        "guard.decided",
        "run.completed",
    ] == names(events)


def test_what_is_stored_is_what_was_streamed(stage: Stage) -> None:
    """The pieces of text add up to the output on record."""
    events = stage.stream()
    text = "".join(e.data["text"] for e in events if e.name is LiveEventName.TEXT_DELTA)
    run = RunView.model_validate(events[-1].data)

    assert "It is 391." == text == run.output
    assert text == stage.records.detail(stage.tenant_id, run.id).output


def test_a_run_adds_up_what_it_used(stage: Stage) -> None:
    """Tokens and money of both model calls, and three calls in all."""
    run = stage.ask()

    assert (20, 10, 6) == (run.usage.input_tokens, run.usage.output_tokens, run.cost_micro_usd)
    assert 3 == run.step_count
    assert (RunStatus.COMPLETED, FinishReason.ANSWERED) == (run.status, run.finish_reason)


def test_a_finished_run_is_replayed_by_its_key(stage: Stage) -> None:
    """The same events with the same ids, and neither model nor tool is called again."""
    first = stage.stream(key=key())
    asked, called = len(stage.models.asked), len(stage.tools.called)

    assert first == stage.stream(key=key())
    assert (asked, called) == (len(stage.models.asked), len(stage.tools.called))


def test_a_key_stands_for_one_request(stage: Stage) -> None:
    """The same key with another request is refused, and leaves no run."""
    stage.stream(key=key())
    with pytest.raises(IdempotencyKeyReused):
        stage.stream(key=key(request_hash="b" * 64))

    assert 1 == len(stage.records.page(stage.tenant_id, PageQuery()).items)


def test_a_run_in_other_hands_is_in_flight(stage: Stage) -> None:
    """While its driver holds it, a retry is told to come back, and when."""
    ask = Ask(agent="adder", text="hi")
    stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    with pytest.raises(RequestInFlight) as refusal:
        stage.stream(key=key())

    assert 0 < (refusal.value.retry_after_s or 0) <= stage.lease_seconds


def test_a_run_that_was_left_is_taken_over(make_stage: MakeStage) -> None:
    """Once the lease has lapsed, the retry goes on from the journal to the same end."""
    stage = _short(make_stage())
    ask = Ask(agent="adder", text="What is 17 * 23?")
    left = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    told = [next(left.events) for _ in range(5)]
    lapse(stage)
    events = stage.stream(key=key())

    assert told == events[:5]
    assert "run.completed" == events[-1].name
    assert 1 == len(stage.tools.effects)


def test_the_driver_that_lost_its_run_writes_no_more(make_stage: MakeStage) -> None:
    """Two drivers can never both write: the first finds its lease gone and stops."""
    stage = _short(make_stage())
    ask = Ask(agent="adder", text="What is 17 * 23?")
    slow = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    next(slow.events)
    lapse(stage)
    stage.stream(key=key())
    steps = stage.records.detail(stage.tenant_id, slow.run_id).steps
    with pytest.raises(RequestInFlight):
        list(slow.events)

    assert steps == stage.records.detail(stage.tenant_id, slow.run_id).steps


def test_a_lost_lease_is_lost_before_the_other_has_written(make_stage: MakeStage) -> None:
    """Taking the run over is enough: the step that both carry out is written by the new driver."""
    stage = _short(make_stage())
    ask = Ask(agent="adder", text="What is 17 * 23?")
    first = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    told = next(first.events)
    lapse(stage)
    second = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    with pytest.raises(RequestInFlight):
        list(first.events)

    assert told == next(second.events)
    assert "run.completed" == list(second.events)[-1].name


def test_a_caller_that_goes_away_takes_nothing_with_him(stage: Stage) -> None:
    """The run goes on to its end all the same, and a retry is told of it."""
    ask = Ask(agent="adder", text="What is 17 * 23?")
    left = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    next(left.events)
    left.events.close()

    assert RunStatus.COMPLETED is stage.records.detail(stage.tenant_id, left.run_id).status
    assert "run.completed" == stage.stream(key=key())[-1].name
    assert 2 == len(stage.models.asked)


def test_one_command_at_a_time_comes_to_the_same_end(stage: Stage) -> None:
    """`advance` carries out model, tool, model, and then has nothing left to do."""
    ask = Ask(agent="adder", text="What is 17 * 23?", mode=Mode.BACKGROUND)
    started = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)
    run_id = started.run_id
    statuses = [
        stage.runtime.advance(stage.tenant_id, run_id, deadline=stage.deadline).status
        for _ in range(4)
    ]

    assert ["running", "running", "completed", "completed"] == statuses
    assert "It is 391." == stage.records.detail(stage.tenant_id, run_id).output
    assert 1 == len(stage.tools.called)


def _short(stage: Stage) -> Stage:
    return stage.lasting(0.05)


def test_an_input_that_is_too_long_leaves_nothing(stage: Stage) -> None:
    """It is refused before there is a run."""
    with pytest.raises(PayloadTooLarge):
        stage.ask("x" * 40_000)

    assert () == stage.records.page(stage.tenant_id, PageQuery()).items


def test_a_blocked_input_is_a_failed_run(make_stage: MakeStage) -> None:
    """It is on record as such, without the text."""
    stage = make_stage(guards={"pii_input": "block"})
    run = stage.ask("something forbidden")
    detail = stage.records.detail(stage.tenant_id, run.id)

    assert run.error is not None
    assert (RunStatus.FAILED, "content_blocked") == (run.status, run.error.code)
    assert "" == detail.input
    assert [] == stage.models.asked


def test_nobody_to_answer_is_a_failed_run(make_stage: MakeStage) -> None:
    """An outage of the providers is told in the run."""
    run = make_stage([NoProviderAvailable()]).ask()

    assert run.error is not None
    assert (RunStatus.FAILED, "no_provider_available") == (run.status, run.error.code)


def test_a_session_hears_what_was_said_before(make_stage: MakeStage) -> None:
    """The next run in a session begins with the turns of the one before."""
    stage, session_id = make_stage([says("Hello.")]), uuid4()
    stage.ask("Hi", session_id=session_id)
    stage.ask("Again", session_id=session_id)

    heard = [(m.role, m.content) for m in stage.models.asked[1].messages[1:3]]
    assert [(Role.USER, "Hi"), (Role.ASSISTANT, "Hello.")] == heard


def test_a_session_belongs_to_one_tenant(make_stage: MakeStage) -> None:
    """The same id at another tenant is another session."""
    mine, session_id = make_stage([says("Hello.")]), uuid4()
    others = replace(mine, principal=make.principal())
    others.publish()
    mine.ask("Hi", session_id=session_id)
    others.ask("Hey", session_id=session_id)

    assert 2 == len(mine.models.asked[1].messages)


def test_runs_are_listed_newest_first(make_stage: MakeStage) -> None:
    """Page by page, and by agent and status."""
    stage = make_stage([says("Hello.")])
    ids = [stage.ask("Hi").id for _ in range(5)]
    first = stage.records.page(stage.tenant_id, PageQuery(limit=3))
    rest = stage.records.page(stage.tenant_id, PageQuery(limit=3, cursor=first.next_cursor))

    assert sorted(ids, reverse=True) == [run.id for run in (*first.items, *rest.items)]
    assert (True, False) == (first.has_more, rest.has_more)
    assert () == stage.records.page(stage.tenant_id, PageQuery(), agent="other").items
    failed = RunStatus.FAILED
    assert () == stage.records.page(stage.tenant_id, PageQuery(), status=failed).items


def test_anothers_run_is_not_there(stage: Stage) -> None:
    """Another tenant can neither see nor advance it."""
    run = stage.ask()
    with pytest.raises(NotFound):
        stage.records.detail(uuid4(), run.id)
    with pytest.raises(NotFound):
        stage.runtime.advance(uuid4(), run.id, deadline=stage.deadline)


@pytest.mark.parametrize("text", ["nul \x00", "\u2028 ' \" \\ %s {} \n"])
def test_any_text_can_be_kept(make_stage: MakeStage, text: str) -> None:
    """What models and tools send is kept as it was streamed, odd characters and all."""
    wish = wishes(("calculator", {text: [text, "lone \ud800"]}), text=text)
    stage = make_stage([wish, says(text)])
    events = stage.stream()
    steps = stage.records.detail(stage.tenant_id, _id(events)).steps

    assert "run.completed" == events[-1].name
    assert events[-1].data["output"] == "".join(_spoken(events)[_last_model(events) :])
    assert len(steps) == max(step.seq for step in steps)


def _id(events: list[LiveEvent]) -> UUID:
    return UUID(events[0].data["run_id"])


def _spoken(events: list[LiveEvent]) -> list[Any]:
    return [event.data.get("text", "") for event in events]


def _last_model(events: list[LiveEvent]) -> int:
    return max(i for i, event in enumerate(events) if event.name is LiveEventName.MODEL_STARTED)
