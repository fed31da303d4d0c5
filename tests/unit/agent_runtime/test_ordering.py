"""Which calls of one answer go together, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.loop.ordering import ready
from orchstack.agent_runtime.loop.state import PlannedCall
from orchstack.kernel.agents import ToolOrder
from orchstack.kernel.chat import ToolCall

NAMES = ("a", "b", "c", "d", "e")
names = st.sampled_from(NAMES)
wishes = st.lists(names, max_size=12)
# Along the alphabet: no circle can come of it.
forward = st.lists(st.tuples(names, names).map(lambda pair: tuple(sorted(pair))), max_size=8)
any_way = st.lists(st.tuples(names, names), max_size=12)


def calls_of(wanted: Sequence[str]) -> tuple[PlannedCall, ...]:
    """The calls of an answer."""
    return tuple(
        PlannedCall(position, ToolCall(id=str(position), name=name))
        for position, name in enumerate(wanted)
    )


def order_of(pairs: Sequence[tuple[str, ...]]) -> tuple[ToolOrder, ...]:
    """A document's order."""
    return tuple(ToolOrder(first=first, then=then) for first, then in pairs)


def waves_of(wanted: Sequence[str], order: Sequence[ToolOrder]) -> list[tuple[PlannedCall, ...]]:
    """All waves, each served before the next is asked for."""
    left, waves = calls_of(wanted), []
    while left:
        wave = ready(left, order)
        assert wave
        waves.append(wave)
        left = tuple(call for call in left if call not in wave)
    return waves


@given(wanted=wishes, pairs=any_way)
def test_every_call_goes_exactly_once(wanted: list[str], pairs: list[tuple[str, str]]) -> None:
    """Whatever the order is, circles included."""
    waves = waves_of(wanted, order_of(pairs))

    assert list(range(len(wanted))) == sorted(call.position for wave in waves for call in wave)


@given(wanted=wishes, pairs=forward)
def test_the_order_is_kept(wanted: list[str], pairs: list[tuple[str, str]]) -> None:
    """A call goes in a later wave than all those it has to wait for."""
    waves = waves_of(wanted, order_of(pairs))
    at = {call.position: n for n, wave in enumerate(waves) for call in wave}
    for first, then in pairs:
        firsts = [p for p, name in enumerate(wanted) if name == first]
        thens = [p for p, name in enumerate(wanted) if name == then]
        if first == then:
            assert all(at[one] < at[next_one] for one, next_one in pairwise(firsts))
        else:
            assert all(at[one] < at[other] for one in firsts for other in thens)


@given(wanted=wishes, pairs=forward)
def test_no_call_waits_without_need(wanted: list[str], pairs: list[tuple[str, str]]) -> None:
    """Each call of a wave waited for some call of the wave before."""
    waves, waits = waves_of(wanted, order_of(pairs)), set(pairs)
    for before, wave in pairwise(waves):
        for call in wave:
            assert any((other.call.name, call.call.name) in waits for other in before)


@given(wanted=wishes)
def test_without_an_order_all_go_at_once(wanted: list[str]) -> None:
    """Nothing is put off that nobody asked to put off."""
    assert len(waves_of(wanted, ())) <= 1


def test_tools_that_wait_for_each_other_go_one_by_one() -> None:
    """No document can be published with such an order; a run would not hang on it."""
    circle = order_of([("a", "b"), ("b", "a")])

    assert ["a", "b"] == [wave[0].call.name for wave in waves_of(("a", "b"), circle)]
    assert ["b", "a"] == [wave[0].call.name for wave in waves_of(("b", "a"), circle)]
