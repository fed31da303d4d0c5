"""Every point of a scenario at which its driver can die, found by a run in which nobody dies."""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from orchstack.kernel.errors import OrchStackError
from tests.contract.agent_runtime.worlds import lapse
from tests.faults.agent_runtime.crashes import (
    INSIDE,
    NEVER,
    FreezingFuse,
    Fuse,
    Killed,
    Place,
    PlaceFuse,
    bury,
)
from tests.faults.agent_runtime.plays import Driver, Play
from tests.faults.agent_runtime.scenarios import SCENARIOS, Scenario
from tests.faults.agent_runtime.whole import Ground, assert_whole, most_effects, tale

# Tools that work at once end in any order, so that a point may not come up each time.
TRIES = 20
# At how many of its first points who takes over is stopped as well, in turn.
_STOPS = 6
_AT_MOST_S = 60.0


@dataclass
class Tally:
    """What an enumeration came to; `missed` are points that never came up again."""

    points: int = 0
    resumed: int = 0
    missed: list[tuple[Place, int]] = field(default_factory=list)
    effects: int = 0
    calls: int = 0

    def count(self, play: Play) -> None:
        """Count a run that was brought to its end."""
        effects, calls = most_effects(play)
        self.effects, self.calls = max(self.effects, effects), max(self.calls, calls)
        self.resumed += 1

    def add(self, other: Tally) -> None:
        """Take in what another enumeration came to."""
        self.points += other.points
        self.resumed += other.resumed
        self.missed += other.missed
        self.effects, self.calls = max(self.effects, other.effects), max(self.calls, other.calls)


def undisturbed(
    ground: Ground, scenario: Scenario, driver: Driver
) -> tuple[list[Any], list[Place]]:
    """How a scenario ends if nobody dies, and the points that are passed."""
    play, fuse = ground.play(scenario), Fuse(NEVER)
    play.carry(driver, fuse)
    expected = tale(play)
    assert {scenario.status} == {run.status for run in play.roots()}
    assert_whole(ground, play, expected)
    return expected, fuse.places


def places(passed: list[Place]) -> Iterator[tuple[Place, int]]:
    """Name each point by its place, and by how often that was passed before."""
    for place, times in Counter(passed).items():
        for nth in range(1, times + 1):
            yield place, nth


def deaths(ground: Ground, scenario: Scenario, driver: Driver) -> Tally:
    """Kill the driver at each point, and let the next one bring the run to its end."""
    return _each(ground, scenario, driver, _killed, lambda _: True)


def freezes(ground: Ground, scenario: Scenario, driver: Driver) -> Tally:
    """Stop the driver at each point; who takes over is stopped too; then the first goes on.

    Then the other one. A driver that stands still within a transaction is left out: others wait for
    its locks.
    """
    return _each(ground, scenario, driver, _frozen, lambda place: place[0] not in INSIDE)


_Strike = Callable[..., bool]


def _each(
    ground: Ground,
    scenario: Scenario,
    driver: Driver,
    strike: _Strike,
    wanted: Callable[[Place], bool],
) -> Tally:
    expected, passed = undisturbed(ground, scenario, driver)
    tally = Tally()
    for place, nth in places([place for place in passed if wanted(place)]):
        tally.points += 1
        play = _struck(ground, scenario, partial(strike, driver=driver, place=place, nth=nth))
        if play is None:
            tally.missed.append((place, nth))
            continue
        try:
            assert_whole(ground, play, expected)
        except AssertionError as error:
            error.add_note(f"{scenario.name}, {driver.value}: {place} for the {nth}. time")
            raise
        tally.count(play)
    return tally


def _struck(ground: Ground, scenario: Scenario, strike: Callable[[Play], bool]) -> Play | None:
    for _ in range(TRIES):
        play = ground.play(scenario)
        if strike(play):
            return play
    return None


def _killed(play: Play, driver: Driver, place: Place, nth: int) -> bool:
    if not dies(play, driver, PlaceFuse(place=place, nth=nth)):
        return False
    play.carry(driver)
    return True


def dies(play: Play, driver: Driver, fuse: Fuse) -> bool:
    """Carry a play on in a process that dies; False if it came to the end first."""
    try:
        play.carry(driver, fuse)
    except Killed:
        bury()
        play.look()
        lapse(play.stage)
        return True
    bury()
    return False


@dataclass
class _Process:
    """A driver in a thread of its own, which stands still where its fuse says."""

    play: Play
    driver: Driver
    fuse: FreezingFuse
    unexpected: list[BaseException] = field(default_factory=list)

    def until_frozen(self) -> bool:
        """Begin; gives whether it stands still, and not at its end."""
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()
        self.fuse.frozen.wait(_AT_MOST_S)
        lapse(self.play.stage)
        return self.fuse.times >= self.fuse.nth

    def until_over(self) -> None:
        """Let it go on."""
        self.fuse.thawed.set()
        self._thread.join(_AT_MOST_S)
        assert not self._thread.is_alive()
        assert [] == self.unexpected

    def _carry(self) -> None:
        try:
            with suppress(OrchStackError):
                self.play.carry(self.driver, self.fuse)
        except BaseException as error:  # noqa: BLE001  # told in the test's thread
            self.unexpected.append(error)
        finally:
            self.fuse.frozen.set()
            self.play.stage.hang_up()


def _frozen(play: Play, driver: Driver, place: Place, nth: int) -> bool:
    first = _Process(play, driver, FreezingFuse(place=place, nth=nth))
    came_up = first.until_frozen()
    if came_up:
        play.look()
        stop = 1 + zlib.crc32(f"{place} {nth}".encode()) % _STOPS
        second = _Process(play, driver, FreezingFuse(nth=stop))
        second.until_frozen()
        first.until_over()
        second.until_over()
        play.carry(driver)
    else:
        first.until_over()
    bury()
    return came_up


def two_deaths(ground: Ground, seed: str) -> Tally:
    """Kill two drivers in turn at random points of a random scenario; a third goes on."""
    random = Random(seed)  # noqa: S311 - nothing is secret
    scenario = random.choice(SCENARIOS)
    first, second, third = (random.choice(list(Driver)) for _ in range(3))
    expected, passed = undisturbed(ground, scenario, first)
    play, tally = ground.play(scenario), Tally()
    tally.points += dies(play, first, Fuse(random.randint(1, len(passed))))
    tally.points += dies(play, second, Fuse(random.randint(1, len(passed))))
    play.carry(third)
    try:
        assert_whole(ground, play, expected)
    except AssertionError as error:
        error.add_note(f"{scenario.name}: {first.value}, {second.value}, {third.value} ({seed})")
        raise
    tally.count(play)
    return tally
