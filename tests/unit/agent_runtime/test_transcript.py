"""The events of a run, live and told again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.loop import transcript
from orchstack.agent_runtime.model.events import EventId, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import ModelWork, Step, StepStatus, ToolWork
from orchstack.kernel.chat import Completion
from orchstack.kernel.errors import NoProviderAvailable, OrchStackError
from tests.contract.agent_runtime.worlds import Stage, in_memory, key, says, wishes
from tests.unit.agent_runtime.journals import (
    a_run,
    asked_a_human,
    handed_over,
    model,
    steps_of,
    tool,
)

texts = st.text(alphabet="abforiden \n", max_size=40)
answers = st.one_of(
    st.builds(says, texts),
    st.builds(
        lambda text, count: wishes(*[("calculator", {})] * count, text=text),
        texts,
        st.integers(1, 3),
    ),
    st.just(NoProviderAvailable()),
)
scripts = st.lists(answers, min_size=8, max_size=8)
Script = list[Completion | OrchStackError]


def recorded(stage: Stage, events: list[LiveEvent]) -> tuple[Run, tuple[Step, ...]]:
    """The run that the events tell of, and its journal."""
    run_id = UUID(events[0].data["run_id"])
    journal = stage.world.journal
    return journal.run(stage.tenant_id, run_id), journal.steps(stage.tenant_id, run_id)


@given(script=scripts, policy=st.sampled_from(["off", "redact"]))
def test_the_journal_tells_the_same_events(script: Script, policy: str) -> None:
    """Whatever happened, the events told again equal those that were streamed, ids included."""
    stage = in_memory(script, guards={"pii_output": policy})
    events = stage.stream(key=key())

    assert events == list(transcript.journal(*recorded(stage, events)))
    assert events == stage.stream(key=key())


@given(script=scripts)
def test_ids_rise_and_count_within_their_step(script: Script) -> None:
    """Compared as tuples; the last number has no gap."""
    ids = [event.id for event in in_memory(script).stream()]

    assert sorted(set(ids)) == ids
    assert EventId(0, 1, 0) == ids[0]
    for before, after in pairwise(ids):
        same = before[:2] == after[:2]
        assert after.nth == (before.nth + 1 if same else 0)


@given(script=scripts)
def test_what_is_written_so_far_tells_the_beginning(script: Script) -> None:
    """At every moment of a run: also while its model speaks and its tools are at work."""
    stage = in_memory(script)
    events = stage.stream()
    run, steps = recorded(stage, events)

    for moment in moments(steps):
        told = list(transcript.journal(run, moment))
        assert events[: len(told)] == told


@given(script=scripts, at=st.integers(0, 200))
def test_a_tale_goes_on_behind_any_of_its_events(script: Script, at: int) -> None:
    """Without a gap and without a repeat, also from the steps that matter alone."""
    stage = in_memory(script)
    events = stage.stream()
    run, steps = recorded(stage, events)
    at = min(at, len(events) - 1)
    after = events[at].id
    needed = tuple(step for step in steps if step.seq >= after.step)

    assert events[at + 1 :] == list(transcript.journal(run, needed, after=after))


def moments(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """The journal as it stood at different times."""
    for at, step in enumerate(steps):
        before = steps[:at]
        if isinstance(step.work, ModelWork):
            yield before
            for pieces in range(len(step.work.pieces) + 1):
                yield (*before, _speaking(step, step.work, pieces))
        if isinstance(step.work, ToolWork):
            if at and _together(steps[at - 1], step.work):
                continue
            together = [s for s in steps[at:] if _together(s, step.work)]
            yield (*before, *(_begun(s) for s in together))
            yield (*before, *(_begun(s) for s in together[:-1]), together[-1])
    yield steps


def _together(step: Step, work: ToolWork) -> bool:
    return isinstance(step.work, ToolWork) and step.work.wished_by == work.wished_by


def _speaking(step: Step, work: ModelWork, pieces: int) -> Step:
    lengths = work.pieces[:pieces]
    said = work.model_copy(update={"pieces": lengths, "text": work.text[: sum(lengths)]})
    return _begun(step.model_copy(update={"work": said}))


def _begun(step: Step) -> Step:
    return step.model_copy(update={"status": StepStatus.STARTED, "finished_at": None})


def test_another_attempt_stands_behind_the_one_before() -> None:
    """Whoever has followed the first is told to forget it."""
    first, again = (
        (*steps_of(), _begun(steps_of(work)[1]))
        for work in (model(text="It is", pieces=(2, 3)), model(attempt=2))
    )
    run = a_run(status="running", finished_at=None)
    told = list(transcript.journal(run, first))
    (anew,) = transcript.journal(run, again, after=told[-1].id)

    assert (EventId(2, 1, 2), EventId(2, 2, 0)) == (told[-1].id, anew.id)
    assert (LiveEventName.MODEL_STARTED, 2) == (anew.name, anew.data["attempt"])


def test_a_wait_and_a_hand_off_are_told() -> None:
    """What is asked, what was answered, and who goes on; a refused hand-off changes nobody."""
    works = (model(), asked_a_human(), handed_over(), handed_over(refusal="No."), tool())
    told = [event for event in transcript.journal(a_run(), steps_of(*works)) if event.id.step > 2]

    assert [
        (LiveEventName.RUN_WAITING, EventId(3, 1, 0)),
        (LiveEventName.RUN_RESUMED, EventId(3, 1, 1)),
        (LiveEventName.AGENT_CHANGED, EventId(4, 1, 0)),
        (LiveEventName.TOOL_STARTED, EventId(6, 1, 0)),
        (LiveEventName.TOOL_COMPLETED, EventId(6, 1, 1)),
    ] == [(event.name, event.id) for event in told]


@pytest.mark.parametrize("word", ["forbidden", "a forbidden word", "forbi"])
def test_what_a_guard_redacts_never_goes_out(word: str) -> None:
    """Neither in a piece, nor over the seam of two, nor in the record."""
    stage = in_memory([says(word)])
    told = str(stage.stream())

    assert "forbidden" not in told
    assert word.replace("forbidden", "[WORD]") in told
