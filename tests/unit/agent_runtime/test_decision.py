"""What the loop decides."""

from __future__ import annotations

import pytest
from hypothesis import given

from orchstack.agent_runtime.loop.decision import CallModel, CallTools, Fail, Finish, afford, decide
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.steps import (
    FinishReason,
    GuardOutcome,
    GuardStage,
    GuardWork,
    Step,
)
from orchstack.kernel.agents import RunLimits
from tests.unit.agent_runtime.playing import BEGAN, Played, Turn, limits, play, scripts, steady

WISH = Turn(text="Let me see.", wishes=1, tokens=10, cost=5, worst_cost=5)
ENDLESS = RunLimits(
    max_steps=50, max_total_tokens=1_000_000, max_cost_micro_usd=10_000, max_seconds=800
)


def end_of(played: Played) -> Finish | Fail:
    """The last decision."""
    last = played.commands[-1]
    assert isinstance(last, Finish | Fail)
    return last


def bounded(**changes: int) -> RunLimits:
    """Limits of which only the given ones matter."""
    return ENDLESS.model_copy(update=changes)


def test_a_run_begins_with_the_model() -> None:
    """Nothing has been said yet."""
    first = decide(RunState(limits=RunLimits(), started_at=BEGAN))

    assert CallModel(last=False, max_output_tokens=1_024) == first


def test_an_answer_ends_the_run() -> None:
    """With the model's words."""
    played = play(ENDLESS, steady(Turn(text="42")))

    assert Finish(reason=FinishReason.ANSWERED, output="42") == end_of(played)


def test_wishes_are_served_in_their_order() -> None:
    """All tools of one answer are one command, and then the model is asked again."""
    played = play(ENDLESS, [Turn(wishes=3), Turn(text="ok"), Turn(text="Done."), Turn()])
    tools = next(c for c in played.commands if isinstance(c, CallTools))

    assert [0, 1, 2] == [planned.position for planned in tools.calls]
    assert ["CallModel", "CallTools", "CallModel", "Finish"] == [
        type(command).__name__ for command in played.commands
    ]


def test_a_fault_of_the_model_fails_the_run() -> None:
    """With its code, and with what had gone out."""
    end = end_of(play(ENDLESS, steady(Turn(text="So", fault="no_provider_available"))))

    assert isinstance(end, Fail)
    assert ("no_provider_available", "So") == (end.fault.code, end.output)


@pytest.mark.parametrize("stage", [GuardStage.INPUT, GuardStage.OUTPUT])
def test_a_block_fails_the_run(stage: GuardStage) -> None:
    """Whether it was the input or the answer."""
    work = GuardWork(stage=stage, outcome=GuardOutcome.BLOCKED, detail="No.")
    step = Step(seq=1, work=work, started_at=BEGAN, finished_at=BEGAN)
    end = decide(RunState(limits=RunLimits(), started_at=BEGAN, steps=(step,)))

    assert isinstance(end, Fail)
    assert ("content_blocked", "No.") == (end.fault.code, end.fault.detail)


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (bounded(max_steps=3), FinishReason.MAX_STEPS),
        (bounded(max_total_tokens=25), FinishReason.MAX_TOKENS),
        (bounded(max_cost_micro_usd=14), FinishReason.BUDGET_EXCEEDED),
        (bounded(max_seconds=4), FinishReason.MAX_SECONDS),
    ],
)
def test_each_limit_ends_a_run_with_a_partial_answer(
    bounds: RunLimits, reason: FinishReason
) -> None:
    """What the model said last and what the tools found stands in it."""
    end = end_of(play(bounds, steady(WISH)))

    assert isinstance(end, Finish)
    assert (reason, True) == (end.reason, end.composed)
    assert "Let me see." in end.output
    assert "- tool: " in end.output


def test_the_last_call_is_announced_and_its_wishes_are_not_served() -> None:
    """The model is told that it must answer; no tool is called that nobody would read."""
    played = play(bounded(max_steps=1), steady(WISH))

    assert isinstance(played.commands[0], CallModel)
    assert played.commands[0].last
    assert not any(isinstance(command, CallTools) for command in played.commands)


def test_a_call_out_of_time_keeps_what_was_said() -> None:
    """The run's own time was over while the model spoke: its words are the answer."""
    end = end_of(play(ENDLESS, steady(Turn(text="It is", fault="deadline_exceeded"))))

    assert Finish(reason=FinishReason.MAX_SECONDS, output="It is") == end


def test_a_call_that_could_pass_the_budget_is_not_made() -> None:
    """Up to the budget and not beyond."""
    state = RunState(limits=bounded(max_cost_micro_usd=100), started_at=BEGAN)
    command = decide(state)
    assert isinstance(command, CallModel)

    assert command == afford(state, command, 100)
    assert isinstance(afford(state, command, 101), Finish)


@given(bounds=limits, script=scripts)
def test_every_run_ends_within_its_limits(bounds: RunLimits, script: list[Turn]) -> None:
    """Whatever the model does: no call too many, no money too much, never without a word."""
    played = play(bounds, script)
    asked = sum(isinstance(command, CallModel) for command in played.commands)
    end = end_of(played)

    assert asked <= bounds.max_steps
    assert played.state.cost <= bounds.max_cost_micro_usd
    assert isinstance(end, Fail) or end.reason is FinishReason.ANSWERED or end.output
    assert end == decide(played.state)
