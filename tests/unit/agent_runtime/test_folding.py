"""The state of a run is what its journal says, however it is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.loop.decision import decide
from orchstack.agent_runtime.loop.state import RunState
from orchstack.kernel.agents import RunLimits
from tests.unit.agent_runtime.playing import BEGAN, Turn, limits, play, scripts


@given(bounds=limits, script=scripts, data=st.data())
def test_any_order_of_the_lines_gives_the_same_state(
    bounds: RunLimits, script: list[Turn], data: st.DataObject
) -> None:
    """Shuffled, repeated and taken one by one or all at once, the journal folds to one state."""
    played = play(bounds, script)
    shuffled = data.draw(st.permutations(played.lines + played.lines[: len(played.lines) // 2]))
    one_by_one = empty(bounds)
    for line in shuffled:
        one_by_one = one_by_one.apply(line)

    assert played.state == one_by_one
    assert played.state == empty(bounds).apply(*shuffled)
    assert played.state == empty(bounds).apply(*played.state.steps)


@given(bounds=limits, script=scripts)
def test_the_journal_up_to_any_point_decides_as_it_did_then(
    bounds: RunLimits, script: list[Turn]
) -> None:
    """Read back in either direction, it gives the very decisions that were made."""
    played = play(bounds, script)
    for line_count, decision in played.decisions:
        lines = played.lines[:line_count]

        assert decision == decide(empty(bounds).apply(*lines))
        assert decision == decide(empty(bounds).apply(*reversed(lines)))


@given(bounds=limits, script=scripts)
def test_what_was_begun_is_decided_again(bounds: RunLimits, script: list[Turn]) -> None:
    """A step that a crash left begun changes no decision: it only notes one."""
    played = play(bounds, script)
    for end in range(len(played.lines)):
        state = empty(bounds).apply(*played.lines[:end])
        settled = empty(bounds).apply(*(step for step in state.steps if step.finished))

        assert decide(settled) == decide(state)


@given(bounds=limits, script=scripts)
def test_steps_are_numbered_without_gaps(bounds: RunLimits, script: list[Turn]) -> None:
    """From 1 on, each with its own idempotency key where it reaches outside."""
    state = play(bounds, script).state
    keys = [step.idempotency_key for step in state.steps if step.idempotency_key is not None]

    assert list(range(1, len(state.steps) + 1)) == [step.seq for step in state.steps]
    assert len(keys) == len(set(keys))


def empty(bounds: RunLimits) -> RunState:
    """A run of which nothing is written down."""
    return RunState(limits=bounds, started_at=BEGAN)
