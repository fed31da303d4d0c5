"""Session memory gives whole turns, from the cache or without it."""

from __future__ import annotations

from contextlib import suppress

import pytest

from orchstack.kernel.chat import Image, Message, Role, ToolCall
from orchstack.kernel.errors import Gone, NotFound
from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.service import SessionMemory
from tests.unit.memory_mgr.world import TURN, World

LONG_TURN = (
    Message(role=Role.USER, content="17 * 23?"),
    Message(role=Role.ASSISTANT, tool_calls=(ToolCall(id="1", name="calculator"),)),
    Message(role=Role.TOOL, content="391", tool_call_id="1"),
    Message(role=Role.ASSISTANT, content="391."),
)


@pytest.fixture
def world() -> World:
    """A memory manager with nothing in it."""
    return World()


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(8, 8), (100, 8), (7, 4), (5, 4), (4, 4), (3, 0), (1, 0), (0, 0), (-1, 0)],
)
def test_a_turn_is_recalled_whole_or_not(world: World, limit: int, expected: int) -> None:
    """What is recalled starts with the user's words: no result without its call."""
    session = world.begin().id
    world.say(session, *LONG_TURN)
    world.say(session, *LONG_TURN)
    recalled = world.memory.recall(world.tenant, session, limit)

    assert expected == len(recalled)
    assert [m.content for m in LONG_TURN * 2][8 - expected :] == [m.content for m in recalled]
    assert list(range(9 - expected, 9)) == [message.seq for message in recalled]


def test_nothing_is_remembered_of_nothing(world: World) -> None:
    """An empty turn leaves no trace."""
    session = world.begin().id
    world.memory.remember(world.tenant, session, new_id(), ())

    assert 0 == world.sessions.detail(world.tenant, session).message_count


def test_what_is_said_in_turn_is_answered_by_the_cache(world: World) -> None:
    """From the first turn on the cache follows, without ever being filled from the database."""
    session = world.begin().id
    for _ in range(3):
        world.recall(session)
        world.say(session)
    held = world.cache.held[world.tenant, session]

    assert 6 == len(held.messages)
    assert held.messages == world.memory.recall(world.tenant, session, 6)
    assert SessionMemory(world.messages).recall(world.tenant, session, 6) == held.messages


def test_a_cache_that_holds_too_little_is_filled_up(world: World) -> None:
    """An agent that recalls more than the one before it does not go short."""
    session = world.begin().id
    for _ in range(3):
        world.say(session)
    world.cache.held.clear()

    assert 2 == len(world.recall(session, 2))
    assert 6 == len(world.recall(session, 6))
    assert 6 == len(world.cache.held[world.tenant, session].messages)


def test_an_undone_turn_is_not_recalled(world: World) -> None:
    """Although the cache has heard of it."""
    session = world.begin().id
    world.say(session)
    with suppress(KeyError), world.store.transaction(world.tenant):
        world.say(session, Message(role=Role.USER, content="never"))
        raise KeyError

    assert ["17 * 23?", "391."] == world.recall(session)
    world.say(session)
    assert 4 == len(world.recall(session))


def test_calls_are_recalled_as_the_table_has_them(world: World) -> None:
    """Arguments come back in one order, wherever they are read: the cache is not told of them."""
    session = world.begin().id
    world.say(session, *LONG_TURN)

    assert {} == world.cache.held
    world.recall(session)
    assert 4 == len(world.cache.held[world.tenant, session].messages)


def test_a_cache_that_is_away_is_left_alone_for_a_while(world: World) -> None:
    """Sessions are recalled all the same; after five seconds the cache is asked again."""
    session = world.begin().id
    world.cache.away = True
    world.say(session)
    world.cache.away = False
    world.recall(session)
    untouched = dict(world.cache.held)
    world.clock.advance(5)

    assert ["17 * 23?", "391."] == world.recall(session)
    assert {} == untouched
    assert [(world.tenant, session)] == list(world.cache.held)


def test_a_deleted_session_is_recalled_by_nobody(world: World) -> None:
    """Whoever names it is told that it is gone; what a run still says in it is not kept."""
    session = world.begin().id
    world.sessions.delete(world.caller, session)
    world.say(session)

    for limit in (10, 0):
        with pytest.raises(Gone):
            world.recall(session, limit)
    assert {} == world.cache.held


def test_an_unknown_session_has_no_history(world: World) -> None:
    """A run that names a new id begins it; but nothing is remembered before it has."""
    assert [] == world.recall(new_id())
    with pytest.raises(NotFound):
        world.say(new_id())


def test_what_cannot_be_stored_is_replaced_everywhere(world: World) -> None:
    """The cache holds what the table holds; the bytes of a picture are in neither."""
    session = world.begin().id
    picture = Image(sha256="a" * 64, media_type="image/png", size=1, data="AA==")
    odd = Message.model_construct(
        role=Role.USER, content="a\0b\ud800", images=(picture,), tool_calls=(), tool_call_id=None
    )
    world.say(session, odd)
    (recalled,) = world.memory.recall(world.tenant, session, 9)

    assert ("a\ufffdb?", "") == (recalled.content, recalled.images[0].data)
    assert (recalled,) == world.cache.held[world.tenant, session].messages


def test_tokens_are_counted_as_told(world: World) -> None:
    """Each message by the counter that was given; the session has their sum."""
    session = world.begin().id
    world.say(session)

    assert sum(len(m.content) for m in TURN) == (
        world.sessions.detail(world.tenant, session).token_count
    )
