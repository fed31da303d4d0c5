"""Which of two versions a session meets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchstack.control_plane.canaries.choice import chosen, point_of
from orchstack.control_plane.model.canaries import Route
from orchstack.kernel.agents import LIVE, EffectiveAgent
from tests import make

WEIGHTS = st.floats(0.001, 1.0)


def route(weight: float, generation: int = 1) -> Route:
    """A canary of version 2 beside version 1."""
    stable, canary = (
        EffectiveAgent(name="adder", version=number, document=make.agent_document())
        for number in (1, 2)
    )
    return Route(stable=stable, canary=canary, generation=generation, weight=weight)


@given(st.text(), WEIGHTS)
def test_a_session_stays(sticky: str, weight: float) -> None:
    """The same session meets the same version, and is told which."""
    met = chosen(route(weight), LIVE, sticky)

    assert met == chosen(route(weight), LIVE, sticky)
    assert {1: "stable", 2: "canary"}[met.version] == met.variant


@given(st.text(min_size=1), WEIGHTS, WEIGHTS)
def test_a_raised_weight_keeps_whom_it_has(sticky: str, one: float, other: float) -> None:
    """Who met the canary at the lower weight meets it at the higher; at 1 everybody does."""
    low, high = sorted((one, other))

    assert chosen(route(low), LIVE, sticky).version <= chosen(route(high), LIVE, sticky).version
    assert "canary" == chosen(route(1.0), LIVE, sticky).variant


def test_the_weight_is_the_share() -> None:
    """Of many sessions a tenth meets a canary of weight 0.1."""
    met = [chosen(route(0.1), LIVE, f"session {n}").variant for n in range(10_000)]

    assert abs(met.count("canary") - 1_000) <= 100


def test_each_canary_is_drawn_anew() -> None:
    """The sessions of one canary are not always those of the next."""
    places = {point_of("adder", LIVE, generation, "a session") for generation in range(50)}

    assert 50 == len(places)


def test_the_draw_is_fixed() -> None:
    """A release must not send running sessions to another version."""
    assert 0.7909417489848316 == point_of("adder", "live", 1, "session")


def test_without_a_session_the_stable_version_answers() -> None:
    """As it does where no canary runs; then there was no choice."""
    alone = Route(stable=route(0.5).stable)

    assert "stable" == chosen(route(1.0), LIVE, "").variant
    assert chosen(alone, LIVE, "session").variant is None
