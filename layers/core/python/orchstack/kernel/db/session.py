"""One connection a thread, one tenant a transaction; row-level security does the rest.

A transaction begins with its first statement: `begin`, `app.set_tenant` and that statement travel
in one round trip. A connection that died while the function was frozen is noticed there, before
anything was changed, and replaced once without the caller noticing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from orchstack.kernel.errors import Unavailable
from orchstack.kernel.plain import JsonObject

Row = JsonObject
Parameters = Sequence[Any] | JsonObject
Connection = psycopg.Connection[Row]
AnyConnection = psycopg.Connection[Any]
_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
_SET_TENANT: LiteralString = "select app.set_tenant(%s)"


class Transaction:
    """An open transaction of one tenant."""

    def __init__(self, connection: Callable[[], Connection], tenant_id: UUID | None) -> None:
        """Take where to get the connection; nothing is sent before the first statement."""
        self._open = connection
        self._connection: Connection | None = None
        self.tenant_id = tenant_id
        self.announced = False
        self._queued: list[tuple[LiteralString, Parameters]] = []

    def execute(self, sql: LiteralString, parameters: Parameters = ()) -> int:
        """Run a statement; gives the number of rows it touched."""
        return self._run(sql, parameters).rowcount

    def one(self, sql: LiteralString, parameters: Parameters = ()) -> Row | None:
        """Run a query; gives its first row, or None."""
        return self._run(sql, parameters).fetchone()

    def all(self, sql: LiteralString, parameters: Parameters = ()) -> list[Row]:
        """Run a query; gives all its rows."""
        return self._run(sql, parameters).fetchall()

    def later(self, sql: LiteralString, parameters: Parameters = ()) -> None:
        """Run a statement whose result nobody needs, in the round trip of the next, or the commit.

        What is wrong with it is raised there.
        """
        self._queued.append((sql, parameters))

    def commit(self) -> None:
        """Make the changes last; called by Database at the end."""
        if self._connection is None and self._queued:
            self._run(*self._queued.pop())
        if self._connection is None:
            return
        # PostgreSQL would answer such a commit with a rollback, and psycopg would not mind.
        if self._connection.info.transaction_status is TransactionStatus.INERROR:
            self._connection.rollback()
            raise RuntimeError("a failed statement was passed over: nothing was kept")
        if not self._queued:
            self._connection.commit()
            return
        try:
            with self._connection.pipeline():
                self._send_queued(self._connection)
                self._connection.commit()
        except psycopg.Error:
            # The commit was passed over with the statement that failed.
            self.rollback()
            raise

    def rollback(self) -> None:
        """Undo the changes; called by Database on an error."""
        if self._connection is not None and not self._connection.closed:
            self._connection.rollback()

    def _run(self, sql: LiteralString, parameters: Parameters) -> psycopg.Cursor[Row]:
        if self._connection is not None:
            return self._send(self._connection, sql, parameters)
        try:
            return self._begin(sql, parameters)
        except _LOST:
            # Only a lost connection is retried, and only here: nothing can have been committed.
            if self._connection is None or not self._connection.closed:
                raise
            return self._begin(sql, parameters)

    def _begin(self, sql: LiteralString, parameters: Parameters) -> psycopg.Cursor[Row]:
        self._connection = connection = self._open()
        if self.tenant_id is None:
            return self._send(connection, sql, parameters)
        with connection.pipeline():
            connection.execute(_SET_TENANT, (self.tenant_id,))
            return self._send(connection, sql, parameters)

    def _send(
        self, connection: Connection, sql: LiteralString, parameters: Parameters
    ) -> psycopg.Cursor[Row]:
        if not self._queued:
            return connection.execute(sql, parameters)
        with connection.pipeline():
            self._send_queued(connection)
            cursor = connection.execute(sql, parameters)
        # Only now: a first statement that met a lost connection is sent again, and these with it.
        self._queued.clear()
        return cursor

    def _send_queued(self, connection: Connection) -> None:
        for sql, parameters in self._queued:
            connection.execute(sql, parameters)


class _State(threading.local):
    """What one thread has open."""

    connection: Connection | None = None
    transaction: Transaction | None = None
    announced = False


class Database:
    """Opens transactions; a transaction opened inside another one of the same tenant joins it."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Take the way to open a connection (see `kernel.db.connect`); nothing is opened yet."""
        self._connect = connect
        self._state = _State()

    @contextmanager
    def transaction(self, tenant_id: UUID | None) -> Iterator[Transaction]:
        """Commit at the end, roll back on an error; raises Unavailable if the database is lost.

        `tenant_id` None is for the platform role only.
        """
        current = self._state.transaction
        if current is not None:
            if current.tenant_id != tenant_id:
                raise RuntimeError("a transaction of another tenant is open")
            yield current
            return
        transaction = Transaction(self._ready, tenant_id)
        self._state.transaction = transaction
        try:
            with _whole(transaction):
                yield transaction
            self._state.announced |= transaction.announced
        except (*_LOST, errors.FeatureNotSupported) as error:
            # Not supported: a migration changed the columns of a prepared query. Plan it anew.
            self.close()
            raise Unavailable(
                "The database is not answering; send the request again.", retry_after_s=1
            ) from error
        finally:
            self._state.transaction = None

    def take_announced(self) -> bool:
        """Whether this thread committed events since it last asked, so that the relay has work."""
        announced, self._state.announced = self._state.announced, False
        return announced

    def close(self) -> None:
        """Close this thread's connection; its next transaction opens a new one."""
        if self._state.connection is not None:
            self._state.connection.close()
            self._state.connection = None

    def _ready(self) -> Connection:
        connection = self._state.connection
        if connection is None or connection.closed:
            connection = self._connect()
            connection.row_factory = dict_row
            self._state.connection = connection
        return connection


@contextmanager
def _whole(transaction: Transaction) -> Iterator[None]:
    """Commit the transaction if the block ends well, else roll it back."""
    try:
        yield
    except BaseException:
        transaction.rollback()
        raise
    transaction.commit()
