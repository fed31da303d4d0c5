"""What every outbox promises the relay."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchstack.event_bus.model import OutboxEntry, Refusal, Selection, Settlement
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.ids import new_id
from tests.contract.event_bus.worlds import World
from tests.make import event

TENANT, OTHER = new_id(), new_id()


def take_all(entries: Sequence[OutboxEntry]) -> Settlement:
    """A bus that takes everything."""
    return Settlement(published=tuple(entries))


def drained(world: World) -> list[OutboxEntry]:
    """All that leaves the outbox, in order."""
    seen: list[OutboxEntry] = []
    while settled := world.outbox.next_batch(take_all, passing=frozenset()):
        seen += settled.published
    return seen


def test_an_empty_outbox_gives_nothing(world: World) -> None:
    """Nothing waits, so nobody is called."""
    assert world.outbox.next_batch(take_all, passing=frozenset()) is None


def test_events_leave_once_in_their_order(world: World) -> None:
    """Twenty-five events of a tenant leave in the order of writing, ten at a time, each once."""
    events = [event(TENANT, subject=f"agents/{n}") for n in range(25)]
    world.announce(*events[:15])
    world.announce(*events[15:])

    sizes = []
    while settled := world.outbox.next_batch(take_all, passing=frozenset()):
        sizes.append(len(settled.published))
    listed = world.announcements.events(TENANT, Selection(limit=100, order="asc"))

    assert [10, 10, 5] == sizes
    assert events == [found for _, found in listed]


def test_the_detail_is_the_cloud_event(world: World) -> None:
    """What is handed over is the event as it was written, with its source and type beside it."""
    written = event(TENANT)
    world.announce(written)

    (entry,) = drained(world)

    assert written == type(written).model_validate_json(entry.detail)
    assert (written.source, written.type) == (entry.source, entry.type)
    assert (written.id, TENANT) == (entry.event_id, entry.tenant_id)


def test_what_fails_stays(world: World) -> None:
    """If handing over raises, nothing is marked and the same entries come again."""
    world.announce(event(TENANT), event(TENANT))

    def fail(_entries: Sequence[OutboxEntry]) -> Settlement:
        raise Unavailable

    with pytest.raises(Unavailable):
        world.outbox.next_batch(fail, passing=frozenset())

    assert 2 == len(drained(world))


def test_a_refused_entry_comes_again(world: World) -> None:
    """An entry refused for now stays first; the accepted one behind it is gone."""
    first, second = event(TENANT), event(TENANT)
    world.announce(first, second)

    def refuse_first(entries: Sequence[OutboxEntry]) -> Settlement:
        refusal = Refusal("ThrottlingException", final=False)
        return Settlement(tuple(entries[1:]), ((entries[0], refusal),))

    world.outbox.next_batch(refuse_first, passing=frozenset())

    assert [first.id] == [entry.event_id for entry in drained(world)]


def test_a_hopeless_entry_is_parked(world: World) -> None:
    """An entry that can never be taken stops nobody: it leaves the line and is not listed."""
    bad, good = event(TENANT), event(TENANT)
    world.announce(bad, good)

    def refuse_first(entries: Sequence[OutboxEntry]) -> Settlement:
        return Settlement(refused=((entries[0], Refusal("MalformedDetail", final=True)),))

    world.outbox.next_batch(refuse_first, passing=frozenset())

    assert [good.id] == [entry.event_id for entry in drained(world)]
    listed = world.announcements.events(TENANT, Selection(limit=10))
    assert [good] == [found for _, found in listed]


def test_a_long_queue_holds_up_nobody(world: World) -> None:
    """A tenant's single event is in the first batch, however many of another came before it."""
    world.announce(*(event(TENANT) for _ in range(25)))
    world.announce(event(OTHER))

    settled = world.outbox.next_batch(take_all, passing=frozenset())

    assert settled is not None
    assert OTHER in {entry.tenant_id for entry in settled.published}


def test_tenants_can_be_passed_by(world: World) -> None:
    """A tenant whose entry was refused is left alone while others go on."""
    world.announce(event(TENANT))
    world.announce(event(OTHER))

    settled = world.outbox.next_batch(take_all, passing=frozenset({TENANT}))

    assert settled is not None
    assert [OTHER] == [entry.tenant_id for entry in settled.published]
    assert world.outbox.next_batch(take_all, passing=frozenset({TENANT})) is None
