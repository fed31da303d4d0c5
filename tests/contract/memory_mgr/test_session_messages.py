"""What every store of session messages promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from orchstack.kernel.chat import Image, Message, Role, ToolCall
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages
from orchstack.memory_mgr.model import MessageFilter, Said
from tests.contract.memory_mgr.worlds import AT, OTHER, TENANT, World, said

CALL = ToolCall(id="call_1", name="calculator", arguments={"expression": "1 + 1", "n": [1, None]})
SUM = Image(sha256="a" * 64, media_type="image/png", size=7)
RICH = (
    Message(role=Role.USER, content="What is 1 + 1? 'quoted' \\ \u4e2d \U0001f600", images=(SUM,)),
    Message(role=Role.ASSISTANT, content="", tool_calls=(CALL,)),
    Message(role=Role.TOOL, content="2", tool_call_id="call_1"),
)
EVERY = MessageFilter(limit=100, max_bytes=1_000_000)


def test_messages_come_back_as_they_were(world: World) -> None:
    """Text of any alphabet, calls and results come back whole and in order."""
    session = world.begin()
    world.messages.append(
        TENANT, session, Said(run_id=new_id(), messages=RICH, tokens=(9, 0, 1), title="Sum")
    )
    recalled = world.messages.newest(TENANT, session, 10)
    listed, more = world.messages.page(TENANT, session, EVERY)

    assert recalled is not None
    placed = [message.model_copy(update={"seq": seq}) for seq, message in enumerate(RICH, 1)]
    assert tuple(placed) == recalled.messages
    assert [(1, 9), (2, 0), (3, 1)] == [(message.seq, message.token_count) for message in listed]
    assert [m.content for m in RICH] == [message.content for message in listed]
    assert (CALL,) == listed[1].tool_calls
    assert not more


def test_the_newest_come_oldest_first(world: World) -> None:
    """Over several runs the order is that of saying; a limit keeps the last."""
    session = world.begin()
    for word in ("a", "b", "c"):
        world.say(session, word, word.upper())

    assert ["a", "A", "b", "B", "c", "C"] == world.heard(session)
    assert ["B", "c", "C"] == world.heard(session, 3)
    assert [] == world.heard(session, 0)


def test_what_is_known_is_not_told_again(world: World) -> None:
    """The state alone is told to those who know it; after the next word they know it no more."""
    session = world.begin()
    world.say(session, "a")
    first = world.messages.newest(TENANT, session, 9)
    assert first is not None
    again = world.messages.newest(TENANT, session, 9, known=first.version)
    added = world.messages.append(TENANT, session, said("b"))
    later = world.messages.newest(TENANT, session, 9, known=first.version)

    assert again == replace(first, messages=None)
    assert added is not None
    assert later is not None
    assert (first.version, later.version, 2) == (added.before, added.version, added.message_count)
    assert ["a", "b"] == [message.content for message in later.messages or ()]


def test_a_state_that_was_undone_never_comes_again(world: World) -> None:
    """The same number of other messages is another state."""
    session = world.begin()
    undone = None
    with suppress(RuntimeError), world.sessions.transaction(TENANT):
        undone = world.messages.append(TENANT, session, said("never"))
        raise RuntimeError
    added = world.messages.append(TENANT, session, said("always"))

    assert undone is not None
    assert added is not None
    assert undone.message_count == added.message_count
    assert undone.before == added.before
    assert undone.version != added.version
    assert ["always"] == world.heard(session)


def test_nobody_speaks_where_there_is_no_session(world: World) -> None:
    """Neither in one that never was, nor in one that was deleted, nor in another tenant's."""
    deleted, foreign = world.begin(), world.begin(OTHER)
    world.sessions.erase(TENANT, deleted, AT)

    assert world.messages.append(TENANT, new_id(), said("a")) is None
    assert world.messages.append(TENANT, deleted, said("a")) is None
    assert world.messages.append(TENANT, foreign, said("a")) is None
    assert world.messages.newest(TENANT, new_id(), 10) is None


def test_sessions_and_tenants_stay_apart(world: World) -> None:
    """What was said in one session is heard in no other, and by no other tenant."""
    session, other = world.begin(), world.begin()
    world.say(session, "mine")
    world.say(other, "theirs")

    assert ["mine"] == world.heard(session)
    assert [] == world.heard(session, tenant_id=OTHER)
    assert ([], False) == world.messages.page(OTHER, session, EVERY)


def test_pages_go_either_way(world: World) -> None:
    """From the first message on or from the last one back, up to a number if one is given."""
    session = world.begin()
    world.say(session, *"abcde")

    def page(**wish: Any) -> tuple[str, bool]:
        chosen = MessageFilter(limit=2, max_bytes=1_000, **wish)
        found, more = world.messages.page(TENANT, session, chosen)
        return "".join(message.content for message in found), more

    assert [("ab", True), ("cd", True), ("e", False)] == [page(after=n) for n in (None, 2, 4)]
    assert [("ed", True), ("cb", True), ("a", False)] == [
        page(after=n, order="desc") for n in (None, 4, 2)
    ]
    assert ("bc", False) == page(after=1, up_to=3)
    assert ("", False) == page(after=5)


def test_a_page_of_long_messages_ends_early(world: World) -> None:
    """But never before its first message, so that every message can be had."""
    session = world.begin()
    world.say(session, "x" * 600, "y" * 600, "z")
    narrow = MessageFilter(limit=9, max_bytes=1_000)
    first, more = world.messages.page(TENANT, session, narrow)
    second, _ = world.messages.page(TENANT, session, replace(narrow, after=1))
    huge, _ = world.messages.page(TENANT, session, replace(narrow, max_bytes=1))

    assert ([1], True) == ([message.seq for message in first], more)
    assert [2, 3] == [message.seq for message in second]
    assert [1] == [message.seq for message in huge]


def test_postgres_keeps_what_it_can_of_odd_text(postgres_world: World) -> None:
    """NUL and half characters, which PostgreSQL cannot hold, are replaced; the rest stays."""
    session = postgres_world.begin()
    odd = Message.model_construct(
        role=Role.USER, content="a\x00b\ud800c\\u0000", tool_calls=(), tool_call_id=None
    )
    postgres_world.messages.append(TENANT, session, replace(said("x"), messages=(odd,)))

    assert ["a\ufffdb?c\\u0000"] == postgres_world.heard(session)


def test_postgres_orders_runs_that_speak_at_once(
    postgres_world: World, database_settings: DatabaseSettings
) -> None:
    """Runs of one session that end together lose no message and mix no turn."""
    session = postgres_world.begin()

    def speak(name: int) -> None:
        with closing(Database(connector(database_settings))) as own:
            for turn in range(5):
                words = said(f"{name}.{turn}?", f"{name}.{turn}!")
                PostgresSessionMessages(own).append(TENANT, session, words)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(speak, range(4)))
    heard = postgres_world.heard(session)

    assert 40 == len(set(heard))
    assert all(a[:-1] == b[:-1] for a, b in zip(heard[::2], heard[1::2], strict=True))
