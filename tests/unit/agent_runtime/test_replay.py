"""A replay finds every decision that would be made otherwise, and no other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from orchstack.agent_runtime.loop.decision import CallTools, Command, Finish, decide
from orchstack.agent_runtime.loop.replay import Recording, replay
from orchstack.agent_runtime.loop.rules import Rules
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.contexts import ContextManifest
from orchstack.agent_runtime.model.replays import ReplayReport
from orchstack.agent_runtime.model.steps import FinishWork, ModelWork, Step
from orchstack.kernel.agents import RunLimits
from tests.make import agent_document
from tests.unit.agent_runtime.playing import Played, Turn, limits, play, scripts

DOCUMENT = agent_document(tools=("tool",))


def recording(played: Played, lines: int | None = None) -> Recording:
    """What was played, as far as the given number of lines goes."""
    steps = [_named(step) for step in played.lines[:lines]]
    rules = Rules.of(DOCUMENT)
    state = RunState(limits=played.state.limits, started_at=played.state.started_at, cast=(rules,))
    return Recording(
        state=state.apply(*steps),
        documents=(DOCUMENT,),
        repack=lambda *_: "0" * 64,
    )


def _named(step: Step) -> Step:
    if not isinstance(step.work, ModelWork):
        return step
    return step.model_copy(update={"work": step.work.model_copy(update={"model": "default"})})


@given(bounds=limits, script=scripts)
def test_what_was_decided_is_decided_again(bounds: RunLimits, script: list[Turn]) -> None:
    """Each planned step is one decision, and the same recording gives the same report."""
    played = play(bounds, script)
    report = replay(recording(played))
    planned = [step.seq for step in played.state.steps]

    assert (True, None) == (report.identical, report.first_difference)
    assert planned == [decision.seq for decision in report.decisions]
    assert report == replay(recording(played))


@given(bounds=limits, script=scripts, data=st.data())
def test_a_run_under_way_is_replayed_as_far_as_it_goes(
    bounds: RunLimits, script: list[Turn], data: st.DataObject
) -> None:
    """What is there is a beginning of what will be there."""
    played = play(bounds, script)
    end = data.draw(st.sampled_from(_settled(played)))
    part = replay(recording(played, end))

    assert part.identical
    assert part.decisions == replay(recording(played)).decisions[: len(part.decisions)]


def _settled(played: Played) -> list[int]:
    """The numbers of lines after which a transaction of the journal may have ended."""
    ends = [0]
    for count, line in enumerate(played.lines, start=1):
        follows = played.lines[count] if count < len(played.lines) else None
        if follows is None or follows.finished or follows.started_at != line.started_at:
            ends.append(count)
    return ends


def miscounting(state: RunState) -> Command:
    """A loop that allows one call of the model too few."""
    fewer = state.limits.model_copy(update={"max_steps": max(1, state.limits.max_steps - 1)})
    return decide(replace(state, limits=fewer))


def forgetful(state: RunState) -> Command:
    """A loop that calls only the first tool of those that are wished for."""
    command = decide(state)
    if isinstance(command, CallTools):
        return replace(command, calls=command.calls[:1])
    return command


def chatty(state: RunState) -> Command:
    """A loop that adds a word to what it answers."""
    command = decide(state)
    return replace(command, output=f"{command.output}!") if isinstance(command, Finish) else command


def _replayed(played: Played, rule: object) -> ReplayReport:
    return replay(replace(recording(played), decide=rule))  # type: ignore[arg-type]  # any rule


@settings(max_examples=40)
@given(bounds=limits, script=scripts)
def test_a_change_of_the_loop_is_found(bounds: RunLimits, script: list[Turn]) -> None:
    """At the first decision that it touches; up to there all is the same."""
    played = play(bounds, script)
    honest = replay(recording(played))
    for rule in (miscounting, forgetful, chatty):
        report = _replayed(played, rule)
        touched = _touched(played, rule)
        found = None if report.first_difference is None else report.first_difference.seq

        assert touched == found
        assert report.decisions == honest.decisions[: len(report.decisions)]


def _touched(played: Played, rule: object) -> int | None:
    """The first step that the changed rule would have planned otherwise."""
    state = recording(played, 0).state
    decided = [_first(played, line_count) for line_count, _ in played.decisions]
    for seq, (line_count, _) in zip(decided, played.decisions, strict=True):
        then = state.apply(*(_named(step) for step in played.lines[:line_count]))
        honest, other = decide(then), rule(then)  # type: ignore[operator]  # any rule
        if isinstance(honest, CallTools) and isinstance(other, CallTools):
            if honest.calls != other.calls:
                # The first is planned in either case; then the answer is not served whole.
                return seq + len(other.calls)
        elif honest != other and not _stopped_anyway(played, seq):
            return seq
    return None


def _first(played: Played, line_count: int) -> int:
    return max((step.seq for step in played.lines[:line_count]), default=0) + 1


def _stopped_anyway(played: Played, seq: int) -> bool:
    """Whether the budget ended the run there, whatever the loop wanted."""
    work = next((step.work for step in played.lines if step.seq == seq), None)
    return isinstance(work, FinishWork) and work.refused_micro_usd is not None


@given(bounds=limits, script=scripts)
def test_a_record_that_was_tampered_with_is_found(bounds: RunLimits, script: list[Turn]) -> None:
    """Another output of the run than the one its steps lead to."""
    played = play(bounds, script)
    last = played.lines[-1]
    assert isinstance(last.work, FinishWork)
    tampered = last.work.model_copy(update={"output": f"{last.work.output}?"})
    played.lines[-1] = last.model_copy(update={"work": tampered})
    report = replay(recording(played))

    assert report.first_difference is not None
    assert last.seq == report.first_difference.seq


def test_what_a_model_is_shown_is_part_of_the_decision() -> None:
    """A loop that asks with another context is found at the call."""
    played = play(RunLimits(), [Turn(text="42")] * 3)
    shown = _shown(recording(played), "1" * 64)
    report = replay(shown)

    assert report.first_difference is not None
    assert ("1" * 64, "0" * 64) == tuple(
        decision["context"]
        for decision in (report.first_difference.recorded, report.first_difference.decided)
        if decision is not None
    )


def _shown(given: Recording, name: str) -> Recording:
    """The recording of a run whose first model was shown the context of that hash."""
    first, *rest = given.state.steps
    manifest = ContextManifest(hash=name, model="default", tokenizer="words", budget=1, tokens=1)
    work = first.work.model_copy(update={"context": manifest})
    steps = (first.model_copy(update={"work": work}), *rest)
    return replace(given, state=replace(given.state, steps=steps))
