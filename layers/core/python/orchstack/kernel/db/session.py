"""One connection a process, one tenant a transaction; row-level security does the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from orchstack.kernel.errors import Unavailable

Row = dict[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


class Transaction:
    """An open transaction of one tenant."""

    def __init__(self, connection: psycopg.Connection[Row], tenant_id: UUID | None) -> None:
        """Wrap a connection that is already inside the transaction."""
        self._connection = connection
        self.tenant_id = tenant_id

    def execute(self, sql: LiteralString, parameters: Parameters = ()) -> int:
        """Run a statement; gives the number of rows it touched."""
        return self._connection.execute(sql, parameters).rowcount

    def one(self, sql: LiteralString, parameters: Parameters = ()) -> Row | None:
        """Run a query; gives its first row, or None."""
        return self._connection.execute(sql, parameters).fetchone()

    def all(self, sql: LiteralString, parameters: Parameters = ()) -> list[Row]:
        """Run a query; gives all its rows."""
        return self._connection.execute(sql, parameters).fetchall()


class Database:
    """Opens transactions; a transaction opened inside another one of the same tenant joins it."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Row]]) -> None:
        """Take the way to open a connection (see `kernel.db.connect`); nothing is opened yet."""
        self._connect = connect
        self._connection: psycopg.Connection[Row] | None = None
        self._current: Transaction | None = None

    @contextmanager
    def transaction(self, tenant_id: UUID | None) -> Iterator[Transaction]:
        """Commit at the end, roll back on an error. `tenant_id` None is for the platform role only."""
        if self._current is not None:
            if self._current.tenant_id != tenant_id:
                raise RuntimeError("a transaction of another tenant is open")
            yield self._current
            return
        connection = self._ready()
        try:
            with connection.transaction():
                if tenant_id is not None:
                    connection.execute("select app.set_tenant(%s)", (tenant_id,))
                self._current = Transaction(connection, tenant_id)
                yield self._current
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise Unavailable(
                "The database is not answering; send the request again.", retry_after_s=1
            ) from error
        finally:
            self._current = None

    def close(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ready(self) -> psycopg.Connection[Row]:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = self._connect()
            except psycopg.OperationalError as error:
                raise Unavailable("The database cannot be reached.", retry_after_s=2) from error
            self._connection.row_factory = dict_row
        return self._connection
