"""What every store of session messages promises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from uuid import UUID

import psycopg
import pytest

from orchstack.kernel.chat import Message, Role, ToolCall
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import NotFound
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from orchstack.memory_mgr.adapters.in_memory import InMemorySessionMessages
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages
from orchstack.memory_mgr.ports import SessionMessages

TENANT, OTHER = new_id(), new_id()
CALL = ToolCall(id="call_1", name="calculator", arguments={"expression": "1 + 1", "n": [1, None]})
RICH = (
    Message(role=Role.USER, content="What is 1 + 1? 'quoted' \\ \u4e2d \U0001f600"),
    Message(role=Role.ASSISTANT, content="", tool_calls=(CALL,)),
    Message(role=Role.TOOL, content="2", tool_call_id="call_1"),
)

OpenSession = Callable[[UUID], tuple[UUID, UUID]]


def said(*words: str) -> tuple[Message, ...]:
    """Messages of a user."""
    return tuple(Message(role=Role.USER, content=word) for word in words)


@pytest.fixture
def open_session(request: pytest.FixtureRequest) -> OpenSession:
    """Make a session and a run of a tenant; gives their ids."""
    if "memory" in request.node.name:
        return lambda _: (new_id(), new_id())
    dsn = request.getfixturevalue("admin_dsn")

    def make(tenant_id: UUID) -> tuple[UUID, UUID]:
        session_id, run_id = new_id(), new_id()
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "insert into app.sessions (tenant_id, session_id, agent) values (%s, %s, 'adder')",
                (tenant_id, session_id),
            )
            # Runs are the journal's business: here any run will do.
            connection.execute("alter table app.session_messages disable trigger all")
        return session_id, run_id

    return make


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> SessionMessages:
    """Each store that ships, empty."""
    if request.param == "memory":
        return InMemorySessionMessages()
    return PostgresSessionMessages(request.getfixturevalue("database"))


def test_messages_come_back_as_they_were(store: SessionMessages, open_session: OpenSession) -> None:
    """Text of any alphabet, calls and results come back whole and in order."""
    session, run = open_session(TENANT)
    store.append(TENANT, session, run, RICH)

    assert RICH == store.newest(TENANT, session, 10)


def test_the_newest_come_oldest_first(store: SessionMessages, open_session: OpenSession) -> None:
    """Over several runs the order is that of saying; a limit keeps the last."""
    session, run = open_session(TENANT)
    for word in ("a", "b", "c"):
        store.append(TENANT, session, run, said(word, word.upper()))

    assert said("a", "A", "b", "B", "c", "C") == store.newest(TENANT, session, 100)
    assert said("B", "c", "C") == store.newest(TENANT, session, 3)


def test_an_unknown_session_has_none(store: SessionMessages, open_session: OpenSession) -> None:
    """Nothing was said in a session that nobody knows."""
    open_session(TENANT)

    assert () == store.newest(TENANT, new_id(), 10)


def test_sessions_and_tenants_stay_apart(store: SessionMessages, open_session: OpenSession) -> None:
    """What was said in one session is heard in no other, and by no other tenant."""
    session, run = open_session(TENANT)
    other_session, other_run = open_session(TENANT)
    store.append(TENANT, session, run, said("mine"))
    store.append(TENANT, other_session, other_run, said("theirs"))

    assert said("mine") == store.newest(TENANT, session, 10)
    assert () == store.newest(OTHER, session, 10)


@pytest.fixture
def sessions(request: pytest.FixtureRequest) -> OpenSession:
    """Make sessions in PostgreSQL."""
    made: OpenSession = request.getfixturevalue("open_session")
    return made


def test_postgres_keeps_what_it_can_of_odd_text(database: Database, sessions: OpenSession) -> None:
    """NUL and half characters, which PostgreSQL cannot hold, are replaced; the rest stays."""
    session, run = sessions(TENANT)
    odd = Message.model_construct(
        role=Role.USER, content="a\x00b\ud800c\\u0000", tool_calls=(), tool_call_id=None
    )
    store = PostgresSessionMessages(database)
    store.append(TENANT, session, run, (odd,))

    assert "a\ufffdb?c\\u0000" == store.newest(TENANT, session, 1)[0].content


def test_postgres_joins_the_callers_transaction(database: Database, sessions: OpenSession) -> None:
    """What is remembered goes when the caller's transaction is undone."""
    session, run = sessions(TENANT)
    store = PostgresSessionMessages(database)
    with suppress(RuntimeError), database.transaction(TENANT):
        store.append(TENANT, session, run, said("never"))
        raise RuntimeError

    assert () == store.newest(TENANT, session, 10)


def test_postgres_knows_no_foreign_session(database: Database, sessions: OpenSession) -> None:
    """Another tenant's session is as absent as one that never was."""
    session, run = sessions(OTHER)

    with pytest.raises(NotFound):
        PostgresSessionMessages(database).append(TENANT, session, run, said("hello"))


def test_postgres_orders_runs_that_speak_at_once(
    database_settings: DatabaseSettings, sessions: OpenSession
) -> None:
    """Runs of one session that end together lose no message and mix no turn."""
    session, run = sessions(TENANT)

    def speak(name: int) -> None:
        with closing(Database(connector(database_settings))) as own:
            for turn in range(5):
                words = said(f"{name}.{turn}?", f"{name}.{turn}!")
                PostgresSessionMessages(own).append(TENANT, session, run, words)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(speak, range(4)))
    with closing(Database(connector(database_settings))) as own:
        heard = [m.content for m in PostgresSessionMessages(own).newest(TENANT, session, 100)]

    assert 40 == len(set(heard))
    assert all(a[:-1] == b[:-1] for a, b in zip(heard[::2], heard[1::2], strict=True))
