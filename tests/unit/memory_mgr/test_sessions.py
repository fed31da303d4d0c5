"""Sessions are begun, listed, shown, renamed and deleted."""

from __future__ import annotations

from uuid import UUID

import pytest

from orchstack.kernel.errors import (
    Conflict,
    Gone,
    InvalidCursor,
    NotFound,
    OrchStackError,
    SessionBusy,
)
from orchstack.kernel.ids import new_id
from orchstack.kernel.pagination import PageQuery, encode_cursor
from tests import make
from tests.unit.memory_mgr.world import World


@pytest.fixture
def world() -> World:
    """A memory manager with nothing in it."""
    return World()


def test_an_id_of_ones_own_is_taken_once(world: World) -> None:
    """A second session of that id is a conflict, also after a rename; a deleted one is gone."""
    session = world.begin(session_id=new_id())

    with pytest.raises(Conflict):
        world.begin(session_id=session.id)
    world.sessions.delete(world.caller, session.id)
    with pytest.raises(Gone):
        world.begin(session_id=session.id)


def test_a_session_needs_an_agent(world: World) -> None:
    """That there is; nothing is made otherwise."""
    with pytest.raises(NotFound):
        world.begin(agent="nobody")

    assert () == world.sessions.page(world.tenant, PageQuery()).items


def test_sessions_are_listed_page_by_page(world: World) -> None:
    """Each once, the last active first."""
    made = []
    for _ in range(5):
        made.append(world.begin().id)
        world.clock.advance(1)
    listed, cursor = [], None
    for _ in range(3):
        page = world.sessions.page(world.tenant, PageQuery(limit=2, cursor=cursor))
        listed += [session.id for session in page.items]
        cursor = page.next_cursor

    assert made[::-1] == listed
    assert cursor is None


@pytest.mark.parametrize("place", ["", "now", "2026-01-01T00:00:00 x", f"2026-01-01 {UUID(int=7)}"])
def test_no_other_cursor_is_taken(world: World, place: str) -> None:
    """Anybody can write one; what is no place in the list is refused."""
    with pytest.raises(InvalidCursor):
        world.sessions.page(world.tenant, PageQuery(cursor=encode_cursor("sessions", place)))


def test_a_busy_session_names_its_run(world: World) -> None:
    """It is shown, and until it has ended the session cannot be deleted."""
    session, run = world.begin().id, new_id()
    world.say(session)
    world.runs.running[world.tenant, session] = (run,)

    assert (run,) == world.sessions.detail(world.tenant, session).active_runs
    with pytest.raises(SessionBusy, match=str(run)) as busy:
        world.sessions.delete(world.caller, session)
    assert busy.value.retry_after_s == 1
    assert 2 == len(world.recall(session))


def test_a_deleted_session_is_gone_from_every_store(world: World) -> None:
    """From the table, the cache and the runs; doing it again changes nothing."""
    session = world.begin().id
    world.say(session)
    first = world.sessions.delete(world.caller, session)
    world.clock.advance(60)
    again = world.sessions.delete(world.caller, session)

    assert first == again
    assert ({}, [session]) == (world.cache.held, world.erased)
    assert () == world.store.rows[world.tenant, session].messages
    assert () == world.sessions.page(world.tenant, PageQuery()).items


def test_nothing_is_done_with_a_deleted_session(world: World) -> None:
    """Every use says that it is gone."""
    session = world.begin().id
    world.sessions.delete(world.caller, session)

    for use in (
        lambda: world.sessions.detail(world.tenant, session),
        lambda: world.sessions.rename(world.caller, session, "x"),
        lambda: world.sessions.messages_page(world.tenant, session, PageQuery(), "asc"),
    ):
        with pytest.raises(Gone):
            use()


def test_another_tenants_session_is_absent(world: World) -> None:
    """For every use, as one that never was."""
    session, stranger = world.begin().id, make.principal()
    uses = (
        lambda: world.sessions.detail(stranger.tenant_id, session),
        lambda: world.sessions.rename(stranger, session, "x"),
        lambda: world.sessions.delete(stranger, session),
        lambda: world.sessions.messages_page(stranger.tenant_id, session, PageQuery(), "asc"),
    )

    for use in uses:
        with pytest.raises(OrchStackError) as refusal:
            use()
        assert refusal.type is NotFound


def test_messages_are_listed_either_way(world: World) -> None:
    """Page by page; a cursor of one order is none of the other."""
    session = world.begin().id
    world.say(session)
    first = world.sessions.messages_page(world.tenant, session, PageQuery(limit=1), "asc")
    rest = PageQuery(limit=1, cursor=first.next_cursor)
    second = world.sessions.messages_page(world.tenant, session, rest, "asc")

    assert ([1], True) == ([message.seq for message in first.items], first.has_more)
    assert ([2], None) == ([message.seq for message in second.items], second.next_cursor)
    with pytest.raises(InvalidCursor):
        world.sessions.messages_page(world.tenant, session, rest, "desc")


def test_every_change_has_its_audit_entry(world: World) -> None:
    """Who did what to which session, and no word of what was said; a deletion is an event too."""
    session = world.begin()
    world.sessions.rename(world.caller, session.id, "Sums")
    world.say(session.id)
    world.sessions.delete(world.caller, session.id)
    entries = [entry for a in world.store.announced for entry in a.audit]
    (event,) = [event for a in world.store.announced for event in a.events]

    actions = ["session.create", "session.rename", "session.delete"]
    assert actions == [entry.action for entry in entries]
    assert {f"key:{world.caller.key_id}"} == {entry.actor for entry in entries}
    assert {f"sessions/{session.id}"} == {entry.subject for entry in entries}
    assert ("memory_mgr.SessionDeleted.v1", 2) == (event.type, event.data["message_count"])
    assert "Sums" not in str(entries)
