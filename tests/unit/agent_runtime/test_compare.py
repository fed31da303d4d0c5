"""Runs side by side, forked and erased: the rules alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.loop.compare import MAX_LINES, aligned, compare, difference
from orchstack.agent_runtime.loop.erase import erased_run, erased_step
from orchstack.agent_runtime.loop.fork import place, taken_over
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import (
    FinishReason,
    FinishWork,
    GuardOutcome,
    GuardStage,
    GuardWork,
    HandoffWork,
    ModelWork,
    Step,
    StepStatus,
    ToolWork,
    WaitWork,
    Work,
)
from orchstack.kernel.agents import RunLimits
from orchstack.kernel.chat import Message, Role, ToolCall, Usage
from orchstack.kernel.errors import Conflict, InvalidDocument
from orchstack.kernel.ids import new_id
from tests.unit.agent_runtime.playing import BEGAN, Turn, limits, play, scripts


def run(**changes: Any) -> Run:
    """A run that is over."""
    given = {
        "tenant_id": new_id(),
        "id": new_id(),
        "agent": "adder",
        "version": 1,
        "key_id": new_id(),
        "input": "17 * 23?",
        "created_at": BEGAN,
    }
    return Run.model_validate({**given, **changes})


def step(seq: int, work: Work, **changes: Any) -> Step:
    """A step that is over."""
    given = {"seq": seq, "work": work, "started_at": BEGAN, "finished_at": BEGAN}
    return Step.model_validate({**given, **changes})


def tool(name: str = "calculator", content: str = "391", position: int = 0) -> ToolWork:
    """A call of a tool."""
    call = ToolCall(id="c1", name=name, arguments={"x": "WORD"})
    return ToolWork(call=call, wished_by=2, position=position, content=content)


MODEL = ModelWork(model="default", text="WORD", pieces=(4,))
INPUT = GuardWork(stage=GuardStage.INPUT, outcome=GuardOutcome.ALLOWED)
FINISH = FinishWork(reason=FinishReason.ANSWERED, output="WORD")


def said(of: int) -> GuardWork:
    """What a guard said of a step."""
    stage = GuardStage.OUTPUT if of == 2 else GuardStage.TOOL
    return GuardWork(stage=stage, outcome=GuardOutcome.ALLOWED, concerns=of, detail="WORD")


WORKS: tuple[Work, ...] = (
    INPUT,
    MODEL,
    tool(),
    tool(position=1),
    said(3),
    said(4),
    MODEL,
    said(7),
    FINISH,
)
STEPS = tuple(
    step(seq, work, usage=Usage(input_tokens=seq), cost_micro_usd=seq)
    for seq, work in enumerate(WORKS, start=1)
)


def test_the_same_steps_are_the_same() -> None:
    """Whatever they cost and whenever they were."""
    cheaper = tuple(s.model_copy(update={"cost_micro_usd": 0}) for s in STEPS)
    diff = compare(run(), STEPS, run(), cheaper)

    assert (True, None, ()) == (diff.same, diff.first_divergence, diff.output)
    assert {"cost_micro_usd"} == {m.name for pair in diff.steps for m in pair.measures}


def test_the_first_divergence_is_named() -> None:
    """With what differs in it: here the result of a tool, as a unified diff."""
    other = (*STEPS[:2], step(3, tool(content="392")), *STEPS[3:])
    diff = compare(run(output="391"), STEPS, run(output="392"), other)
    first = diff.first_divergence

    assert first is not None
    assert (3, 3, "tool", "calculator") == (first.a, first.b, first.kind, first.name)
    assert [("content", "391", "392")] == [(c.field, c.a, c.b) for c in first.changes]
    assert ("-391", "+392") == first.changes[0].diff[-2:] == diff.output[-2:]


def test_a_step_that_only_one_has_stands_alone() -> None:
    """What follows it is paired all the same."""
    longer = (*STEPS[:4], step(5, tool("clock")), *(s.model_copy() for s in STEPS[4:]))
    pairs = compare(run(), STEPS, run(), longer).steps

    assert [(None, "clock")] == [(pair.a, pair.name) for pair in pairs if pair.a is None]
    assert all(pair.same for pair in pairs if pair.a is not None)


@given(a=st.lists(st.sampled_from(WORKS), max_size=12), b=st.lists(st.sampled_from(WORKS)))
def test_each_step_is_paired_once_and_in_order(a: list[Work], b: list[Work]) -> None:
    """Only steps of one kind stand for each other."""
    left = [step(seq, work) for seq, work in enumerate(a, start=1)]
    right = [step(seq, work) for seq, work in enumerate(b, start=1)]
    pairs = list(aligned(left, right))

    assert left == [pair[0] for pair in pairs if pair[0] is not None]
    assert right == [pair[1] for pair in pairs if pair[1] is not None]
    assert all(x.work.kind == y.work.kind for x, y in pairs if x is not None and y is not None)


@given(bounds=limits, script=scripts, other=scripts)
def test_comparing_is_the_same_both_ways(
    bounds: RunLimits, script: list[Turn], other: list[Turn]
) -> None:
    """A run equals itself, and whether two are the same does not depend on their order."""
    a, b = play(bounds, script).state.steps, play(bounds, other).state.steps
    one = run()

    assert compare(one, a, one, a).same
    assert compare(one, a, one, b).same == compare(one, b, one, a).same


@pytest.mark.parametrize(
    ("a", "b", "lines"),
    [("same", "same", 0), ("a\nb", "a\r\nb", 2), ("", "x", 4), ("\n" * 900, "x\n" * 900, 201)],
)
def test_a_difference_of_texts_has_an_end(a: str, b: str, lines: int) -> None:
    """Also that of line ends is one; what is cut off is counted."""
    found = difference(a, b)

    assert lines == len(found) <= MAX_LINES + 1


CALL = ToolCall(id="c", name="ask_human", arguments={"question": "WORD"})
WAIT = WaitWork(
    call=CALL, wished_by=2, position=0, question="WORD", expires_at=BEGAN, answer="WORD"
)
HANDOFF = HandoffWork(call=CALL, wished_by=2, position=0, agent="clerk", reason="WORD")


def test_erasing_leaves_no_word() -> None:
    """Of no kind of step, and not of the run."""
    shown = tool().model_copy(update={"shown": {"x": "WORD"}, "content": "WORD"})
    wished = MODEL.model_copy(update={"tool_calls": (CALL,)})
    works: tuple[Work, ...] = (*WORKS, WAIT, HANDOFF, shown, wished)
    steps = [erased_step(step(seq, work)) for seq, work in enumerate(works, start=1)]
    whole = run(
        input="WORD",
        output="WORD",
        question="WORD",
        history=(Message(role=Role.USER, content="WORD"),),
        overrides={"instructions": "WORD", "model": "a/b"},
        fault={"code": "x", "detail": "WORD"},
        attachments=[
            {
                "kind": "file",
                "name": "WORD.txt",
                "media_type": "text/plain",
                "sha256": "0" * 64,
                "size": 4,
                "text": "WORD",
            }
        ],
    )
    erased = erased_run(whole, BEGAN)

    assert "WORD" in whole.model_dump_json()
    assert "WORD" not in erased.model_dump_json() + str(steps)
    assert ("a/b", BEGAN, "x") == (
        erased.overrides.model,
        erased.erased_at,
        erased.fault.code if erased.fault else "",
    )
    assert erased == Run.model_validate_json(erased.model_dump_json())


@pytest.mark.parametrize("from_step", range(1, 10))
def test_a_fork_takes_over_a_gapless_beginning(from_step: int) -> None:
    """The steps below, and what guards said of them later, for nothing."""
    taken = taken_over(STEPS, place(STEPS, from_step, answered=False))
    kinds = Counter(step.work.kind for step in taken)

    assert list(range(1, len(taken) + 1)) == [step.seq for step in taken]
    assert STEPS[: from_step - 1] == tuple(
        s.model_copy(update={"usage": o.usage, "cost_micro_usd": o.cost_micro_usd})
        for s, o in zip(taken, STEPS[: from_step - 1], strict=False)
    )
    assert kinds["guard"] == (from_step > 1) + kinds["tool"] + (from_step > 7)
    assert 0 == RunState(limits=RunLimits(), started_at=BEGAN, steps=tuple(taken)).cost


@pytest.mark.parametrize("from_step", [3, 4])
def test_the_results_of_tools_called_together_stay_together(from_step: int) -> None:
    """Another result of one takes the place of that one's alone, and of what a guard said of it."""
    first = place(STEPS, from_step, answered=True)
    taken = taken_over(STEPS, first, without=from_step)
    concerned = [s.work.concerns for s in taken if isinstance(s.work, GuardWork)]

    assert 5 == first
    assert [None, 7 - from_step] == concerned


def test_a_place_that_is_none_is_refused() -> None:
    """One that there is not, one that is no tool, one that is not over."""
    working = step(9, MODEL, status=StepStatus.STARTED, finished_at=None)
    for steps, at, answered in ((STEPS, 10, False), ((), 1, False), (STEPS, 2, True)):
        with pytest.raises(InvalidDocument):
            place(steps, at, answered=answered)
    with pytest.raises(Conflict):
        place((*STEPS[:8], working, step(10, MODEL)), 10, answered=False)

    assert 9 == place((*STEPS[:8], working), 9, answered=False)
