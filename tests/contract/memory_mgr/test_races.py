"""Who recalls, speaks and deletes at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from uuid import UUID

import pytest

from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
from orchstack.kernel.settings import DatabaseSettings
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages, PostgresSessions
from tests.contract.memory_mgr.worlds import AT, TENANT, World, said


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads, each with a connection of its own."""
    with ThreadPoolExecutor(4) as threads:
        yield threads


def _delete(settings: DatabaseSettings, session: UUID, locked: threading.Event) -> None:
    with closing(Database(connector(settings))) as own:
        sessions = PostgresSessions(own)
        with sessions.transaction(TENANT):
            sessions.lock(TENANT, session)
            locked.set()
            sessions.erase(TENANT, session, AT)


def test_a_deletion_waits_for_those_who_recall(
    postgres_world: World, database_settings: DatabaseSettings, pool: ThreadPoolExecutor
) -> None:
    """So it sees the run that is about to begin; and whoever recalls later sees the deletion."""
    session, locked = postgres_world.begin(), threading.Event()
    postgres_world.say(session, "a")
    with postgres_world.sessions.transaction(TENANT):
        before = postgres_world.messages.newest(TENANT, session, 9)
        deletion = pool.submit(_delete, database_settings, session, locked)
        waited = not locked.wait(0.5)
    deletion.result(timeout=10)
    after = postgres_world.messages.newest(TENANT, session, 9)

    assert waited
    assert before is not None
    assert after is not None
    assert (False, True) == (before.deleted, after.deleted)


def test_those_who_recall_wait_for_nobody(
    postgres_world: World, database_settings: DatabaseSettings, pool: ThreadPoolExecutor
) -> None:
    """Neither for each other nor for a run that is just ending."""
    session = postgres_world.begin()
    postgres_world.say(session, "a")

    def recall() -> int:
        with closing(Database(connector(database_settings))) as own:
            found = PostgresSessionMessages(own).newest(TENANT, session, 9)
            return 0 if found is None else found.message_count

    with postgres_world.sessions.transaction(TENANT):
        postgres_world.messages.newest(TENANT, session, 9)
        postgres_world.messages.append(TENANT, session, said("b"))
        asked = [pool.submit(recall) for _ in range(3)]
        assert not wait(asked, timeout=10).not_done

    assert [1, 1, 1] == [each.result() for each in asked]
