"""What a run leaves that a limit ended."""

from __future__ import annotations

from typing import Any

from orchstack.agent_runtime.loop.partial import partial_answer
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.steps import (
    FinishReason,
    HandoffWork,
    ModelWork,
    Step,
    ToolWork,
    WaitWork,
    Work,
)
from orchstack.kernel.agents import RunLimits
from orchstack.kernel.chat import ToolCall
from tests.unit.agent_runtime.playing import BEGAN


def left(*works: Work) -> str:
    """The partial answer of a run whose journal holds these works."""
    steps = (
        Step(seq=seq, work=work, started_at=BEGAN, finished_at=BEGAN)
        for seq, work in enumerate(works, start=1)
    )
    state = RunState(limits=RunLimits(max_steps=3), started_at=BEGAN).apply(*steps)
    return partial_answer(state, FinishReason.MAX_STEPS)[0]


def wish(name: str) -> dict[str, Any]:
    """What a service answers."""
    return {"call": ToolCall(id="c", name=name), "wished_by": 1, "position": 0}


def test_it_holds_what_tools_agents_and_humans_have_answered() -> None:
    """And nothing of what failed, or of who took over."""
    text = left(
        ModelWork(model="m", tool_calls=(ToolCall(id="c", name="calculator"),)),
        ToolWork(**wish("calculator"), content="391"),
        ToolWork(**wish("ask_clerk"), content="It is 391."),
        ToolWork(**wish("http_get"), content="No such page.", is_error=True),
        WaitWork(**wish("ask_human"), question="May I?", expires_at=BEGAN, answer="Yes."),
        WaitWork(**wish("ask_human"), question="Sure?", expires_at=BEGAN, expired=True),
        HandoffWork(**wish("hand_off_to_clerk"), agent="clerk"),
    )

    assert [
        "The run reached its limit of 3 model calls.",
        "What the tools have answered:",
        "- calculator: 391",
        "- ask_clerk: It is 391.",
        "- ask_human: Yes.",
    ] == text.splitlines()


def test_an_answer_that_was_to_be_mended_stays_as_it_went_out() -> None:
    """It was told to the caller already."""
    assert '{"sum": "3"}' == left(ModelWork(model="m", text='{"sum": "3"}'))
