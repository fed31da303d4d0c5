"""What every store of sessions promises."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.model import NewSession, SessionFilter
from tests.contract.memory_mgr.worlds import AT, OTHER, TENANT, World
from tests.make import announcement


def test_a_session_is_as_it_was_made(world: World) -> None:
    """Its agent, its metadata and its time come back; nothing was said yet."""
    session_id = world.begin()
    kept = world.sessions.find(TENANT, session_id)

    assert kept is not None
    session = kept.session
    assert (session_id, "adder", "", {"a": "b"}, 0, 0, AT, AT) == tuple(dict(session).values())
    assert kept.deleted_at is None


def test_an_id_is_taken_once(world: World) -> None:
    """By a session that lives, and by one that does no more; another tenant's is none of ours."""
    session_id = world.begin()
    again = NewSession(id=session_id, agent="other", title="x", metadata={}, at=AT)

    assert not world.sessions.create(TENANT, again)
    world.sessions.erase(TENANT, session_id, AT)
    assert not world.sessions.create(TENANT, again)
    assert world.sessions.create(OTHER, again)


def test_what_is_said_is_counted(world: World) -> None:
    """Messages, tokens and the last activity; the first words are the title, later ones are not."""
    session_id = world.begin()
    world.say(session_id, "one", "three")
    world.say(session_id, "seven")
    kept = world.sessions.find(TENANT, session_id)

    assert kept is not None
    assert ("one", 3, 13) == (
        kept.session.title,
        kept.session.message_count,
        kept.session.token_count,
    )
    assert kept.session.last_active_at > AT


def test_a_renamed_session_keeps_its_name(world: World) -> None:
    """What is said later does not change it, and a rename is no activity."""
    session_id = world.begin()
    world.sessions.rename(TENANT, session_id, "Sums")
    renamed = world.sessions.find(TENANT, session_id)
    world.say(session_id, "one")
    kept = world.sessions.find(TENANT, session_id)

    assert renamed is not None
    assert kept is not None
    assert ("Sums", AT, "Sums") == (
        renamed.session.title,
        renamed.session.last_active_at,
        kept.session.title,
    )


def test_the_last_active_is_listed_first(world: World) -> None:
    """Of all agents or of one, from a place on; what was deleted is not listed."""
    first, second, third = (world.begin(at=AT + timedelta(hours=n)) for n in range(3))
    other = world.begin(agent="other", at=AT)
    gone = world.begin()
    world.sessions.erase(TENANT, gone, AT)
    world.say(first, "hello")
    every = world.sessions.page(TENANT, SessionFilter(limit=9))
    place = (every[1].last_active_at, every[1].id)

    assert [first, third, second, other] == [session.id for session in every]
    behind = world.sessions.page(TENANT, SessionFilter(limit=1, after=place))
    assert [second] == [session.id for session in behind]
    chosen = world.sessions.page(TENANT, SessionFilter(limit=9, agent="other"))
    assert [other] == [session.id for session in chosen]


def test_sessions_of_one_moment_are_listed_each(world: World) -> None:
    """A cursor between two of the same time loses neither."""
    made = {world.begin() for _ in range(4)}
    first = world.sessions.page(TENANT, SessionFilter(limit=2))
    place = (first[-1].last_active_at, first[-1].id)
    rest = world.sessions.page(TENANT, SessionFilter(limit=9, after=place))

    assert made == {session.id for session in (*first, *rest)}
    assert 4 == len(first) + len(rest)


def test_an_erased_session_holds_nothing(world: World) -> None:
    """No message, no title, no metadata; the record says when, and nobody speaks in it again."""
    session_id = world.begin()
    world.say(session_id, "secret")
    world.sessions.erase(TENANT, session_id, AT)
    kept = world.sessions.find(TENANT, session_id)
    recalled = world.messages.newest(TENANT, session_id, 10)

    assert kept is not None
    assert (AT, "", {}, 0) == (
        kept.deleted_at,
        kept.session.title,
        kept.session.metadata,
        kept.session.token_count,
    )
    assert recalled is not None
    assert (True, None) == (recalled.deleted, recalled.messages)


def test_another_tenant_sees_no_session(world: World) -> None:
    """It cannot be found, locked or listed, and nobody else speaks in it."""
    session_id = world.begin()

    assert world.sessions.find(OTHER, session_id) is None
    assert world.sessions.lock(OTHER, session_id) is None
    assert [] == world.sessions.page(OTHER, SessionFilter(limit=9))
    assert world.messages.newest(OTHER, session_id, 9) is None


def test_what_is_undone_was_never_there(world: World) -> None:
    """A session made in a transaction that fails is gone with it, and so is its announcement."""
    wanted = NewSession(id=new_id(), agent="adder", title="", metadata={}, at=AT)
    with suppress(RuntimeError), world.sessions.transaction(TENANT):
        world.sessions.create(TENANT, wanted)
        world.sessions.announce(TENANT, announcement(TENANT))
        raise RuntimeError

    assert world.sessions.find(TENANT, wanted.id) is None
    assert 0 == world.announced()


def test_what_is_announced_lasts_with_the_change(world: World) -> None:
    """The event and the audit entry are there when the transaction has ended."""
    with world.sessions.transaction(TENANT):
        world.sessions.announce(TENANT, announcement(TENANT))

    assert 2 == world.announced()
