"""The one Database of a process, as the role its environment names, and its migration."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import psycopg

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.migrate import migrate
from orchstack.kernel.db.session import Connection, Database
from orchstack.kernel.db.sweep import sweep
from orchstack.kernel.observability import logger
from orchstack.kernel.settings import DatabaseSettings, load

# Aurora at 0 capacity units takes about 15 s to resume, after a day's pause longer.
_RESUME_WITHIN_S = 120.0


@cache
def database() -> Database:
    """The process's database; connects on its first statement."""
    return Database(connector(load(DatabaseSettings)))


def migrate_database(then: Callable[[Connection], None]) -> tuple[str, ...]:
    """Bring the database up to date as its administrator; gives the files that were applied.

    `then` is called on the same connection, also if there was nothing to apply.
    """
    with _administrator() as connection:
        applied = migrate(connection, progress=_log)
        then(connection)
        return applied


def sweep_database() -> int:
    """Delete what has served its time; gives the number of rows. Needs the platform role."""
    return sweep(database(), SystemClock().now())


def _administrator() -> Connection:
    """Connect, waiting for a database that is only just waking up."""
    connect = connector(load(DatabaseSettings))
    deadline = time.monotonic() + _RESUME_WITHIN_S
    while True:
        try:
            return connect()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(2)


def _log(statement: str) -> None:
    logger.info("statement done", extra={"statement": statement[:200]})
