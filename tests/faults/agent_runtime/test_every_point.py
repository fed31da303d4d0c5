"""Runs survive the death of their driver at every point, and a driver that is not dead at all."""

from __future__ import annotations

import pytest

from orchstack.kernel.db.session import Database
from tests.faults.agent_runtime.enumerating import deaths, freezes, two_deaths, undisturbed
from tests.faults.agent_runtime.plays import Driver
from tests.faults.agent_runtime.scenarios import SCENARIOS, Scenario
from tests.faults.agent_runtime.whole import Ground, memory, postgres

NAMES = {scenario.name: scenario for scenario in SCENARIOS}
# `python -m tests.bench crashes` takes all scenarios and drivers over PostgreSQL.
MAIN = ("one tool", "human wait", "session turn", "all of it")
BOTH = (Driver.INLINE, Driver.MACHINE)
LEAST_POINTS = 12


@pytest.fixture
def real(database: Database, platform_database: Database) -> Ground:
    """Plays over PostgreSQL."""
    return postgres(database, platform_database)


@pytest.mark.parametrize("driver", Driver)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_death_at_any_point_is_survived(scenario: Scenario, driver: Driver) -> None:
    """Before and after each commit and each call outside: the run ends as if nobody had died."""
    found = deaths(memory(), scenario, driver)

    assert [] == found.missed
    assert LEAST_POINTS <= found.points == found.resumed
    assert found.effects <= 1


@pytest.mark.parametrize("driver", Driver)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_driver_that_stood_still_does_no_harm(scenario: Scenario, driver: Driver) -> None:
    """It goes on when its lease has lapsed, while another one is at it: the fence holds."""
    found = freezes(memory(), scenario, driver)

    assert [] == found.missed
    assert found.points == found.resumed > 0
    assert found.effects <= 1


@pytest.mark.parametrize("driver", BOTH)
@pytest.mark.parametrize("name", MAIN)
def test_a_death_is_survived_over_postgres(real: Ground, name: str, driver: Driver) -> None:
    """The same over the real journal."""
    found = deaths(real, NAMES[name], driver)

    assert [] == found.missed
    assert LEAST_POINTS <= found.points == found.resumed
    assert found.effects <= 1


@pytest.mark.parametrize("driver", BOTH)
def test_the_fence_holds_in_postgres(real: Ground, driver: Driver) -> None:
    """Whoever has lost his lease writes nothing more."""
    found = freezes(real, NAMES["one tool"], driver)

    assert [] == found.missed
    assert found.points == found.resumed > 0


def test_two_deaths_in_turn_are_survived() -> None:
    """Whoever takes over may die as well; two hundred times, at random."""
    found = [two_deaths(memory(), f"two {number}") for number in range(200)]

    assert 200 == sum(tally.resumed for tally in found)
    assert sum(tally.points for tally in found) > 300


def test_every_kind_of_point_is_there() -> None:
    """Commits, models, tools, files, executions and tokens: nothing that reaches out is left."""
    passed = {
        name
        for scenario in SCENARIOS
        for driver in BOTH
        for name, _ in undisturbed(memory(), scenario, driver)[1]
    }

    outside = ("commit", "tool", "keep", "start", "answer")
    assert {f"{when} {what}" for when in ("before", "after") for what in outside} <= passed
    assert {"before model", "model event"} <= passed
