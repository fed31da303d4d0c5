"""Transactions: one tenant each, all or nothing, and not bothered by a connection that died."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

import psycopg
import pytest

from orchstack.kernel.db import outbox
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from tests import make

_EVENTS = "select event_id from app.outbox"
_MY_PID = "select pg_backend_pid() as pid"


@pytest.fixture
def admin(admin_dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The superuser, in autocommit."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        yield connection


def _pid(database: Database) -> int:
    with database.transaction(new_id()) as tx:
        row = tx.one(_MY_PID)
        assert row is not None
        return int(row["pid"])


def _write(database: Database, tenant_id: UUID, *, fail: bool = False) -> None:
    with database.transaction(tenant_id) as tx:
        outbox.write(tx, make.announcement(tenant_id))
        if fail:
            raise ZeroDivisionError


def _terminate(admin: psycopg.Connection[tuple[object, ...]], pid: int) -> None:
    admin.execute("select pg_terminate_backend(%s, 5000)", (pid,))


def test_a_transaction_sees_its_tenant_only(database: Database) -> None:
    """What one tenant wrote, another does not see."""
    mine, other = new_id(), new_id()
    _write(database, mine)
    with database.transaction(other) as tx:
        assert [] == tx.all("select * from app.outbox")
        assert [] == tx.all("select * from app.audit_entries")
    with database.transaction(mine) as tx:
        assert 1 == len(tx.all(_EVENTS))


def test_without_a_tenant_nothing_is_seen(database: Database) -> None:
    """The application role sees no row of anybody before a tenant is set, nor after it was."""
    mine = new_id()
    _write(database, mine)
    with database.transaction(None) as tx:
        assert [] == tx.all(_EVENTS)


def test_an_error_undoes_everything(database: Database) -> None:
    """What was written before an error is gone, and the next transaction works."""
    mine = new_id()
    with pytest.raises(ZeroDivisionError):
        _write(database, mine, fail=True)
    with database.transaction(mine) as tx:
        assert [] == tx.all(_EVENTS)


def test_a_failed_first_statement_leaves_the_connection_usable(database: Database) -> None:
    """An error of SQL passes through as it is; the connection is kept."""
    before = _pid(database)
    with pytest.raises(psycopg.errors.UndefinedTable), database.transaction(new_id()) as tx:
        tx.one("select * from app.nothing")
    assert before == _pid(database)


def _write_past_a_failed_statement(database: Database, tenant_id: UUID) -> None:
    with database.transaction(tenant_id) as tx:
        outbox.write(tx, make.announcement(tenant_id))
        with suppress(psycopg.Error):
            tx.one("select * from app.nothing")


def test_a_failed_statement_cannot_be_passed_over(database: Database) -> None:
    """PostgreSQL keeps nothing of such a transaction; nobody may take that for a commit."""
    mine = new_id()
    with pytest.raises(RuntimeError, match="nothing was kept"):
        _write_past_a_failed_statement(database, mine)
    assert not database.take_announced()


def _write_inside_a_failing_one(database: Database, tenant_id: UUID) -> None:
    with database.transaction(tenant_id):
        _write(database, tenant_id)
        raise ZeroDivisionError


def test_an_inner_transaction_joins(database: Database) -> None:
    """A transaction inside another of the same tenant ends with the outer one."""
    mine = new_id()
    with pytest.raises(ZeroDivisionError):
        _write_inside_a_failing_one(database, mine)
    with database.transaction(mine) as tx:
        assert [] == tx.all(_EVENTS)


def test_an_inner_transaction_of_another_tenant_is_refused(database: Database) -> None:
    """Two tenants never share a transaction."""
    with (
        pytest.raises(RuntimeError, match="another tenant"),
        database.transaction(new_id()),
        database.transaction(new_id()),
    ):
        pass


def test_a_connection_that_died_meanwhile_is_replaced(
    database: Database, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    """A function that was frozen goes on, although the server closed its idle connection."""
    pid = _pid(database)
    _terminate(admin, pid)
    assert pid != _pid(database)


def _write_and_lose(
    database: Database, admin: psycopg.Connection[tuple[object, ...]], tenant_id: UUID
) -> None:
    with database.transaction(tenant_id) as tx:
        outbox.write(tx, make.announcement(tenant_id))
        row = tx.one(_MY_PID)
        assert row is not None
        _terminate(admin, row["pid"])
        tx.one(_MY_PID)


def test_a_connection_lost_inside_a_transaction_is_reported(
    database: Database, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Work that may be half done is never repeated silently: the caller gets a 503 and retries."""
    mine = new_id()
    with pytest.raises(Unavailable) as caught:
        _write_and_lose(database, admin, mine)
    assert 1 == caught.value.retry_after_s
    with database.transaction(mine) as tx:
        assert [] == tx.all(_EVENTS)


def test_a_database_that_is_not_there_is_reported(database_settings: DatabaseSettings) -> None:
    """A server that does not answer is a 503 with Retry-After, not a crash."""
    nowhere = database_settings.model_copy(update={"port": 1})
    with (
        pytest.raises(Unavailable) as caught,
        Database(connector(nowhere)).transaction(new_id()) as tx,
    ):
        tx.one("select 1 as one")
    assert caught.value.retry_after_s is not None


def test_a_migration_does_not_break_a_warm_function(
    database: Database, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    """A prepared query whose columns changed costs one retry, not every request that follows."""
    query = "select * from app.inbox"
    for _ in range(10):
        with database.transaction(new_id()) as tx:
            tx.all(query)
    admin.execute("alter table app.inbox add column later integer")
    with pytest.raises(Unavailable), database.transaction(new_id()) as tx:
        tx.all(query)
    with database.transaction(new_id()) as tx:
        assert [] == tx.all(query)


def test_an_unused_transaction_needs_no_connection(database_settings: DatabaseSettings) -> None:
    """Nothing is opened for a transaction that runs no statement."""
    nowhere = database_settings.model_copy(update={"port": 1})
    with Database(connector(nowhere)).transaction(new_id()):
        pass


def test_threads_do_not_share_a_transaction(database: Database) -> None:
    """A thread that fans out gets its own connection and its own transaction."""
    mine = new_id()
    with database.transaction(mine) as tx:
        outbox.write(tx, make.announcement(mine))
        with ThreadPoolExecutor(1) as pool:
            seen = pool.submit(_rows_seen, database, mine)
            assert 0 == seen.result()


def _rows_seen(database: Database, tenant_id: UUID) -> int:
    with database.transaction(tenant_id) as tx:
        rows = len(tx.all(_EVENTS))
    database.close()
    return rows


def test_commits_with_events_are_noticed_once(database: Database) -> None:
    """The relay is woken for events that were committed, and only for those."""
    mine = new_id()
    assert not database.take_announced()
    with pytest.raises(ZeroDivisionError):
        _write(database, mine, fail=True)
    assert not database.take_announced()
    _write(database, mine)
    assert database.take_announced()
    assert not database.take_announced()
