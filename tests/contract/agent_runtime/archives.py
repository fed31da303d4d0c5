"""The archive beside a stage's journal, and followers of its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.adapters.archive import PostgresArchive
from orchstack.agent_runtime.adapters.in_memory_archive import InMemoryArchive
from orchstack.agent_runtime.adapters.in_memory_contexts import EstimatingVocabularies
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryOutcomes
from orchstack.agent_runtime.adapters.postgres import PostgresJournal
from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.driver.casting import Casting
from orchstack.agent_runtime.loop.decision import Command, decide
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.events import Answering, EventId, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.forks import Fork
from orchstack.agent_runtime.model.replays import ReplayReport
from orchstack.agent_runtime.model.runs import RunDetail
from orchstack.agent_runtime.ports_records import Archive
from orchstack.agent_runtime.service.comparing import RunSteps
from orchstack.agent_runtime.service.erasing import RunEraser
from orchstack.agent_runtime.service.following import RunFollower
from orchstack.agent_runtime.service.forking import RunForker
from orchstack.agent_runtime.service.replaying import RunReplayer
from orchstack.agent_runtime.service.rescuing import Rescuer
from orchstack.kernel.clock import ManualClock
from tests.contract.agent_runtime.worlds import Stage


def archive_of(stage: Stage) -> Archive:
    """The archive over the stage's store."""
    journal = stage.world.journal
    if isinstance(journal, InMemoryJournal):
        return InMemoryArchive(journal)
    assert isinstance(journal, PostgresJournal)
    return PostgresArchive(journal._database)


def steps_of(stage: Stage) -> RunSteps:
    """What shows and compares the stage's runs."""
    return RunSteps(archive=archive_of(stage))


def eraser_of(stage: Stage) -> RunEraser:
    """What erases the stage's runs."""
    return RunEraser(
        archive=archive_of(stage),
        contexts=stage.world.context.contexts,
        outcomes=InMemoryOutcomes(),
        blobs=stage.world.blobs,
        clock=stage.world.clock,
    )


def replayed(
    stage: Stage, run_id: UUID, rule: Callable[[RunState], Command] = decide
) -> ReplayReport:
    """What a replay of a run finds; `rule` decides."""
    casting = Casting(agents=stage.world.agents, tools=stage.world.tools)
    replayer = RunReplayer(
        archive=archive_of(stage),
        casting=casting,
        contexts=stage.world.context.contexts,
        vocabularies=EstimatingVocabularies(),
        decide=rule,
    )
    return replayer.replay(stage.tenant_id, run_id)


def forking(stage: Stage, run_id: UUID, from_step: int, **changes: Any) -> Answering:
    """A fork of a run that has begun."""
    forker = RunForker(
        world=stage.world,
        driver=RunDriver(stage.world),
        runtime=stage.runtime,
        archive=archive_of(stage),
    )
    key = changes.pop("key", None)
    fork = Fork(run_id=run_id, from_step=from_step, **changes)
    return forker.fork(stage.principal, fork, key=key, deadline=stage.deadline)


def forked(stage: Stage, run_id: UUID, from_step: int, **changes: Any) -> RunDetail:
    """A fork of a run after its end."""
    run = forking(stage, run_id, from_step, **changes).whole()
    return stage.records.detail(stage.tenant_id, run.id)


def followed(
    stage: Stage,
    run_id: UUID,
    after: EventId | None = None,
    *names: LiveEventName,
    meanwhile: Callable[[], object] = lambda: None,
    seconds: float = 60,
) -> list[LiveEvent | None]:
    """What a follower tells for at most so long; `meanwhile` happens each time it pauses."""
    clock = ManualClock()

    def sleep(pause: float) -> None:
        clock.advance(pause)
        meanwhile()

    follower = RunFollower(
        archive=archive_of(stage),
        rescuer=Rescuer(journal=stage.world.journal, durable=stage.world.durable),
        clock=clock,
        sleep=sleep,
    )
    deadline = clock.now().timestamp() + seconds
    return list(
        follower.follow(stage.tenant_id, run_id, after=after, names=names, deadline=deadline)
    )


def told(events: list[LiveEvent | None]) -> list[LiveEvent]:
    """The events without the heartbeats."""
    return [event for event in events if event is not None]
