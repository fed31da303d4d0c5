"""Runs are followed from any place on, over every store."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.model.events import EventId, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Ask, Mode
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import Gone, NotFound
from tests.contract.agent_runtime.archives import eraser_of, followed, told
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, says, wishes


def id_of(events: list[LiveEvent]) -> UUID:
    """The run that the events tell of."""
    return UUID(events[0].data["run_id"])


def test_a_finished_run_is_told_as_it_was(stage: Stage) -> None:
    """The very events that its caller was streamed, and then the stream ends."""
    events = stage.stream()

    assert events == told(followed(stage, id_of(events)))


def test_a_run_is_told_on_from_each_of_its_events(make_stage: MakeStage) -> None:
    """Whichever was seen last: what follows it comes, and nothing else."""
    wish = wishes(("calculator", {}), ("calculator", {}), text="Let me see, twice.")
    stage = make_stage([wish, says("It is 391, and 391 again.")])
    events = stage.stream()
    for index, event in enumerate(events):
        assert events[index + 1 :] == told(followed(stage, id_of(events), event.id))


def test_a_run_is_followed_while_it_goes_on(make_stage: MakeStage) -> None:
    """One command at a time by other drivers, told without a gap as it is written."""
    stage = make_stage()
    ask = Ask(agent="adder", text="What is 17 * 23?", mode=Mode.BACKGROUND)
    started = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)

    def drive() -> None:
        stage.runtime.advance(stage.tenant_id, started.run_id, deadline=stage.deadline)

    followed_live = told(followed(stage, started.run_id, meanwhile=drive))

    assert "run.completed" == followed_live[-1].name
    assert followed_live == told(followed(stage, started.run_id))


@pytest.mark.parametrize("after", [EventId(99, 1, 0), EventId(3, 9, 9)])
def test_a_place_ahead_of_a_finished_run_ends_at_once(stage: Stage, after: EventId) -> None:
    """Nothing lies behind it, and nothing that lies before it is told."""
    events = stage.stream()
    behind = [event for event in events if event.id > after]

    assert behind == told(followed(stage, id_of(events), after))


def test_a_place_ahead_of_a_run_under_way_waits(stage: Stage) -> None:
    """The reader hears that the connection lives, until the function's time is over."""
    ask = Ask(agent="adder", text="hi")
    started = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)
    heard = followed(stage, started.run_id, EventId(99, 1, 0), seconds=36)

    assert [None] * 4 == heard


def test_only_wanted_events_are_told(stage: Stage) -> None:
    """By name; their places stay what they are."""
    events = stage.stream()
    wanted = (LiveEventName.TEXT_DELTA, LiveEventName.RUN_COMPLETED)

    assert [event for event in events if event.name in wanted] == told(
        followed(stage, id_of(events), None, *wanted)
    )


def test_an_erased_run_is_gone(stage: Stage) -> None:
    """There is nothing to tell any more."""
    run_id = id_of(stage.stream())
    eraser_of(stage).erase(stage.principal, run_id)

    with pytest.raises(Gone):
        followed(stage, run_id)


def test_an_erasure_ends_the_streams_of_a_run(make_stage: MakeStage) -> None:
    """Nobody is told half of what is no more: the stream ends where it was."""
    stage = make_stage().lasting(0.05)
    ask = Ask(agent="adder", text="What is 17 * 23?")
    started = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline)
    before = told(followed(stage, started.run_id, seconds=0))

    def finish_and_erase() -> None:
        list(started.events)
        eraser_of(stage).erase(stage.principal, started.run_id)

    assert before == told(followed(stage, started.run_id, meanwhile=finish_and_erase))


def test_anothers_run_is_not_there(stage: Stage) -> None:
    """Nor is one that nobody has made."""
    stage.stream()
    with pytest.raises(NotFound):
        followed(stage, uuid4())


def _forget(stage: Stage, request: pytest.FixtureRequest, run_id: UUID) -> None:
    """Let nobody have driven a run for a minute."""
    if isinstance(stage.world.clock, ManualClock):
        stage.world.clock.advance(61)
        return
    database: Database = request.getfixturevalue("database")
    where = {"tenant_id": stage.tenant_id, "run_id": run_id}
    with database.transaction(stage.tenant_id) as tx:
        tx.execute(
            "update app.runs set wake_at = clock_timestamp() - interval '31 seconds' "
            "where tenant_id = %(tenant_id)s and run_id = %(run_id)s",
            where,
        )


def test_a_run_that_nobody_drives_is_carried_on_for_its_reader(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    """A reader need not wait for the sweeper; a run in good hands is left to them."""
    durable = stage.world.durable
    assert isinstance(durable, InMemoryDurable)
    ask = Ask(agent="adder", text="What is 17 * 23?", mode=Mode.BACKGROUND)
    run_id = stage.runtime.start(stage.principal, ask, key=None, deadline=stage.deadline).run_id

    followed(stage, run_id, seconds=5)
    _forget(stage, request, run_id)
    followed(stage, run_id, seconds=5)

    assert [(stage.tenant_id, run_id, 1), (stage.tenant_id, run_id, 2)] == durable.started
