"""A thousand functions that run out of time at random: no run is lost, no effect repeated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory import ScriptedModels
from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.model.runs import Mode
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import DeadlineExceeded
from tests.contract.agent_runtime.worlds import in_memory
from tests.faults.agent_runtime.crashes import Fuse, Killed, bury, fragile
from tests.faults.agent_runtime.test_durable_crashes import LONG_RUN, Players, assert_whole

DEADLINES = 1_000
# A function ends two seconds before its time is over; an answer takes four.
LONGEST_S = 9.0


@dataclass
class SlowModels:
    """A model whose pieces take a second each, on the stage's clock, and which keeps deadlines."""

    inner: ScriptedModels
    clock: ManualClock

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Speak slowly, and stop at the deadline."""
        for event in self.inner.stream(tenant_id, request, deadline=deadline):
            self.clock.advance(1)
            if self.clock.now().timestamp() > deadline:
                raise DeadlineExceeded
            yield event

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The inner one's."""
        return self.inner.worst_cost(request)


def players(chance: random.Random, given: list[float]) -> Players:
    """Players whose functions have time at random, all of which is written down."""
    stage = in_memory(LONG_RUN, tools=("calculator", "ask_human"), limits={"max_seconds": 86_400})
    clock, journal, machine = stage.world.clock, stage.world.journal, stage.world.durable
    assert isinstance(clock, ManualClock)
    assert isinstance(journal, InMemoryJournal)
    assert isinstance(machine, InMemoryDurable)
    world = replace(stage.world, models=SlowModels(stage.models, clock))

    def time_left() -> float:
        given.append(chance.uniform(0.0, LONGEST_S))
        return given[-1]

    mode = chance.choice([Mode.WAIT, Mode.STREAM, Mode.BACKGROUND])
    return Players(replace(stage, world=world), machine, journal, mode, time_left)


def test_no_deadline_loses_a_run() -> None:
    """Ended in time or killed in the middle, the run comes to its end, and its tool worked once."""
    chance, given = random.Random(3), list[float]()  # noqa: S311 - no secret is made of it
    while len(given) < DEADLINES:
        play = players(chance, given)
        while chance.random() < 0.5:
            doomed = replace(play, stage=fragile(play.stage, Fuse(chance.randrange(1, 30))))
            with suppress(Killed):
                doomed.play()
            bury()
        play.play()
        assert_whole(play)
