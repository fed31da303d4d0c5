"""What every listing of events and audit entries promises."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchstack.event_bus.model import OutboxEntry, Selection, Settlement
from orchstack.event_bus.service import Listing
from orchstack.kernel.errors import InvalidCursor
from orchstack.kernel.ids import new_id
from tests.contract.event_bus.worlds import World
from tests.make import audit_entry, event

TENANT, OTHER = new_id(), new_id()
UP = Selection(limit=2, order="asc")
DOWN = Selection(limit=2, order="desc")


def publish(world: World, *subjects: str) -> None:
    """Announce and relay one event for each subject."""
    world.announce(*(event(TENANT, subject=subject) for subject in subjects))
    while world.outbox.next_batch(_take, passing=frozenset()):
        pass


def _take(entries: Sequence[OutboxEntry]) -> Settlement:
    return Settlement(published=tuple(entries))


def test_only_published_events_are_listed(world: World) -> None:
    """An event that still waits is not listed."""
    world.announce(event(TENANT))

    assert () == Listing(world.announcements).events(TENANT, UP, None).items


def test_pages_follow_each_other(world: World) -> None:
    """Newest first, page by page, until there is no more."""
    publish(world, "a", "b", "c")
    listing = Listing(world.announcements)

    first = listing.events(TENANT, DOWN, None)
    second = listing.events(TENANT, DOWN, first.next_cursor)

    assert (["c", "b"], True) == ([e.subject for e in first.items], first.has_more)
    assert (["a"], False) == ([e.subject for e in second.items], second.has_more)


def test_a_tail_goes_on_where_it_was(world: World) -> None:
    """Oldest first: the cursor of the last page gives what was published since, and only that."""
    listing = Listing(world.announcements)
    publish(world, "a", "b")
    seen = listing.events(TENANT, UP, None)
    nothing = listing.events(TENANT, UP, seen.next_cursor)
    publish(world, "c")
    news = listing.events(TENANT, UP, nothing.next_cursor)

    assert ["a", "b"] == [e.subject for e in seen.items]
    assert ((), seen.next_cursor) == (nothing.items, nothing.next_cursor)
    assert ["c"] == [e.subject for e in news.items]


def test_a_cursor_serves_both_orders(world: World) -> None:
    """From the oldest item of a descending page an ascending listing leads back to the newest."""
    publish(world, "a", "b", "c")
    listing = Listing(world.announcements)
    page = listing.events(TENANT, DOWN, None)

    assert ["c"] == [e.subject for e in listing.events(TENANT, UP, page.next_cursor).items]


def test_filters_leave_out_the_rest(world: World) -> None:
    """Type and subject each select; a type nobody announced selects nothing."""
    publish(world, "a", "b")
    listing = Listing(world.announcements)

    def subjects(**filters: str) -> list[str]:
        selection = Selection(limit=10, **filters)  # type: ignore[arg-type]  # names under test
        return [e.subject for e in listing.events(TENANT, selection, None).items]

    assert ["a"] == subjects(subject="a")
    assert ["b", "a"] == subjects(kind="control_plane.AgentPublished.v1")
    assert [] == subjects(kind="control_plane.KeyRevoked.v1")


def test_tenants_do_not_see_each_other(world: World) -> None:
    """Another tenant's listing is empty."""
    publish(world, "a")
    world.announce(audit=(audit_entry(TENANT),))
    listing = Listing(world.announcements)

    assert () == listing.events(OTHER, UP, None).items
    assert () == listing.audit(OTHER, UP, None).items


def test_audit_entries_are_listed_as_written(world: World) -> None:
    """Entries come back whole, newest first, and can be filtered by action."""
    entries = tuple(audit_entry(TENANT, action=f"agent.{verb}") for verb in ("publish", "roll"))
    world.announce(audit=entries)
    listing = Listing(world.announcements)

    assert entries[::-1] == listing.audit(TENANT, DOWN, None).items
    rolls = Selection(limit=5, kind="agent.roll")
    assert entries[1:] == listing.audit(TENANT, rolls, None).items


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "A" * 500])
def test_an_invented_cursor_is_refused(world: World, cursor: str) -> None:
    """A cursor that no listing made is named as such."""
    with pytest.raises(InvalidCursor):
        Listing(world.announcements).events(TENANT, UP, cursor)


def test_a_cursor_of_another_listing_is_refused(world: World) -> None:
    """The audit log's cursor means nothing to the events."""
    world.announce(audit=(audit_entry(TENANT),))
    listing = Listing(world.announcements)
    cursor = listing.audit(TENANT, UP, None).next_cursor

    with pytest.raises(InvalidCursor):
        listing.events(TENANT, UP, cursor)
