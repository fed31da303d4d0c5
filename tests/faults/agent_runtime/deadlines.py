"""Functions whose time is over at random: too short for a step, in its midst, or long enough.

A model and a tool here take milliseconds for what takes them seconds elsewhere, and a function has
as much less time; what ends it is its deadline, or the platform, which kills it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory import ToolAnswer
from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.driver.runner import RESERVE_SECONDS
from orchstack.agent_runtime.model.steps import ModelWork
from orchstack.agent_runtime.ports import Models, ToolResult
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars, ToolCall, ToolSpec
from orchstack.kernel.clock import Clock, ManualClock
from orchstack.kernel.errors import DeadlineExceeded, Unavailable
from tests.contract.agent_runtime.worlds import lapse
from tests.faults.agent_runtime.crashes import NEVER, Fuse, Killed, bury
from tests.faults.agent_runtime.enumerating import undisturbed
from tests.faults.agent_runtime.plays import Driver, Play, RunLost
from tests.faults.agent_runtime.scenarios import SCENARIOS, WatchedTools
from tests.faults.agent_runtime.whole import Ground, assert_whole, most_effects, steps_of

# What a model takes for each event, and a tool for its answer, in seconds.
PACE_S = 0.002
TOOL_S = 0.006
# What the longest of the scenarios takes is less.
ENOUGH_S = 0.3
MOST_TURNS = 400
_LEAVES, _AWAY = 0.02, 0.25
# A run that kills more drivers than this is given up, and rightly so.
MOST_KILLS = 3


@dataclass(frozen=True)
class Sleeper:
    """Takes time: on the clock if it moves by hand, else in earnest."""

    clock: Clock

    def until(self, deadline: float, seconds: float) -> bool:
        """Sleep, but not beyond the deadline; gives whether there was time enough."""
        left = deadline - self.clock.now().timestamp()
        asleep = max(0.0, min(seconds, left + 0.001))
        if isinstance(self.clock, ManualClock):
            self.clock.advance(asleep)
        else:
            time.sleep(asleep)
        return left >= seconds


@dataclass
class SlowModels:
    """Models that take their time, and stop at the deadline."""

    inner: Models
    sleeper: Sleeper

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Answer piece by piece. Raises DeadlineExceeded."""
        for event in self.inner.stream(tenant_id, request, deadline=deadline):
            if not self.sleeper.until(deadline, PACE_S):
                raise DeadlineExceeded
            yield event

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The inner one's."""
        return self.inner.worst_cost(request)


@dataclass
class SlowTools:
    """Tools that have their effect, and then take their time to say so."""

    inner: WatchedTools
    sleeper: Sleeper

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """The inner one's."""
        return self.inner.specs(names)

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolResult:
        """Call a tool; an error if the deadline comes first, though the effect is there."""
        answer = self.inner.call(
            tenant_id, call, idempotency_key=idempotency_key, deadline=deadline
        )
        if self.sleeper.until(deadline, TOOL_S):
            return answer
        return ToolAnswer("It took too long.", is_error=True)


@dataclass
class FlakyDurable(InMemoryDurable):
    """A state machine that cannot be reached now and then."""

    random: Random | None = None

    def _reach(self) -> None:
        if self.random is not None and self.random.random() < _AWAY:
            raise Unavailable


@dataclass
class TimeFuse(Fuse):
    """Burns through at a time: the platform kills the function."""

    strike_at: int = NEVER
    over: Callable[[], bool] = lambda: False

    @property
    def blown(self) -> bool:
        """Whether the process is dead."""
        return self.over()


@dataclass
class Tally:
    """What became of runs; `functions` is how many began, of which so many were killed."""

    runs: int = 0
    lost: int = 0
    functions: int = 0
    killed: int = 0
    # Calls of models that a deadline or a death cut off.
    cut: int = 0
    # Runs that sweepers found.
    swept: int = 0
    effects: int = 0
    calls: int = 0

    def __str__(self) -> str:
        """As a person reads it."""
        return (
            f"{self.runs} runs, {self.lost} lost, at most {self.effects} effect of a wish "
            f"(its key was used up to {self.calls} times); {self.functions} functions, of which "
            f"{self.killed} were killed; {self.cut} calls of models cut off; "
            f"{self.swept} times the sweeper found a run that nobody drove"
        )


@dataclass
class Hurried:
    """A run of a random kind, under random deadlines."""

    random: Random
    tally: Tally

    @classmethod
    def of(cls, seed: str, tally: Tally) -> Hurried:
        """The run of a seed."""
        return cls(Random(seed), tally)  # noqa: S311 - nothing is secret

    def run(self, ground: Ground, expected: Callable[[str], list[Any]]) -> None:
        """Play it, until it is over or lost; raises AssertionError if it is not whole then."""
        scenario = self.random.choice(SCENARIOS)
        play = self._set(ground.play(scenario))
        self.tally.runs += 1
        try:
            self._play(play)
        except RunLost:
            self.tally.lost += 1
            return
        assert_whole(ground, play, expected(scenario.name))
        self._count(play)

    def _set(self, play: Play) -> Play:
        stage, sleeper = play.stage, Sleeper(play.stage.world.clock)
        tools = stage.tools
        assert isinstance(tools, WatchedTools)
        world = replace(
            stage.world,
            models=SlowModels(stage.models, sleeper),
            tools=SlowTools(tools, sleeper),
            durable=FlakyDurable(random=self.random),
        )
        play.stage = replace(stage, world=world)
        play.budget, play.most_turns = self._budget, MOST_TURNS
        # A caller who wants to cancel a run has to hear of it.
        play.leaves = lambda: not play.scenario.cancelled and self.random.random() < _LEAVES
        return play

    def _budget(self) -> float:
        """Seconds beyond what a function keeps in reserve."""
        self.tally.functions += 1
        kind = self.random.random()
        if kind < 0.2:
            return self.random.uniform(-3.0, 0.0)
        # The run of an agent that serves as a tool keeps a reserve of its own.
        inner = self.random.choice((0.0, RESERVE_SECONDS))
        if kind < 0.75:
            return inner + self.random.uniform(0.0, 0.03)
        return RESERVE_SECONDS + ENOUGH_S

    def _play(self, play: Play) -> None:
        drivers = (Driver.INLINE, Driver.SWEPT, Driver.MACHINE)
        for _ in range(self.random.choice((0, 0, 1, MOST_KILLS))):
            at = play.stage.world.clock.monotonic() + self.random.uniform(0.0, 0.1)
            fuse = TimeFuse(over=lambda at=at: play.stage.world.clock.monotonic() >= at)  # type: ignore[misc]
            try:
                play.carry(self.random.choice(drivers), fuse)
            except Killed:
                self.tally.killed += 1
            bury()
            play.look()
            lapse(play.stage)
        play.carry(self.random.choice(drivers))
        bury()

    def _count(self, play: Play) -> None:
        effects, calls = most_effects(play)
        tally = self.tally
        tally.effects, tally.calls = max(tally.effects, effects), max(tally.calls, calls)
        tally.swept += sum(found for found, _ in play.swept.sweeps)
        steps = [step for run in play.all_runs() for step in steps_of(play.stage, run)]
        works = [step.work for step in steps if isinstance(step.work, ModelWork)]
        tally.cut += sum(work.attempt - 1 for work in works)


def hurry(ground: Ground, runs: int, seed: str = "deadline") -> Tally:
    """Play so many random runs; all that are not lost are whole."""
    tally = Tally()

    @cache
    def expected(name: str) -> list[Any]:
        scenario = next(each for each in SCENARIOS if each.name == name)
        return undisturbed(ground, scenario, Driver.INLINE)[0]

    for number in range(runs):
        Hurried.of(f"{seed} {number}", tally).run(ground, expected)
    return tally
