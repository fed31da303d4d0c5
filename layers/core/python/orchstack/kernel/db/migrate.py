"""The migration runner: numbered SQL files, each once, in order, safe to start again at any time.

A file runs in one transaction with its own line in `migration.applied`, so a crash leaves all of it
or nothing. A file that cannot (`create index concurrently`) says `-- no-transaction` in its first
line; its statements must bear repeating, and an index that a crash left invalid is dropped before
it runs again. Files run as orchstack_owner, whom FORCE ROW LEVEL SECURITY binds too: one that must
touch rows lifts FORCE for its own transaction. Forward only: an applied file never changes, and old
code must live with the new schema (expand, then contract).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.rows import tuple_row

from orchstack.kernel.db.rules import violations
from orchstack.kernel.db.session import AnyConnection
from orchstack.kernel.db.statements import split

Progress = Callable[[str], None]

_LOCK = 0x6F726368_73746163  # "orchstac"
_LOCK_WAIT_S = 60.0
_ATTEMPTS = 5
_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_NO_TRANSACTION = "-- no-transaction"
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)
_TIMEOUTS: tuple[LiteralString, ...] = ("set lock_timeout = '3s'", "set statement_timeout = '5min'")
_APPLIED: LiteralString = "select version, checksum from migration.applied"
_INVALID_INDEXES: LiteralString = """
    select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
    where not i.indisvalid and c.relnamespace = 'app'::regnamespace
"""


class MigrationRefused(RuntimeError):
    """A file does not fit the database or the rules of isolation; it was not applied."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Whether the file runs in one transaction."""
        return not self.text.startswith(_NO_TRANSACTION)


def shipped() -> tuple[Migration, ...]:
    """Give the migrations that come with the package, in order."""
    found = [
        Migration(version=int(match[1]), name=entry.name, text=entry.read_text(encoding="utf-8"))
        for entry in files("orchstack.kernel.db").joinpath("migrations").iterdir()
        if (match := _FILE_NAME.match(entry.name))
    ]
    ordered = tuple(sorted(found, key=lambda migration: migration.version))
    if len({migration.version for migration in ordered}) != len(ordered):
        raise MigrationRefused("two migrations have the same number")
    return ordered


def migrate(
    admin: str | AnyConnection,
    *,
    migrations: Sequence[Migration] | None = None,
    progress: Progress = lambda _statement: None,
) -> tuple[str, ...]:
    """Bring a database up to date; gives the names of the files that were applied.

    Args:
        admin: The administrator's DSN or connection (a superuser, or Aurora's master user).
        migrations: What to apply; the shipped files, if not given.
        progress: Called after each statement.

    Raises:
        MigrationRefused: An applied file was changed, a number was filled in later, a file breaks
            the rules of isolation, or another runner holds the lock for longer than a minute.
        psycopg.Error: A statement failed; what its file had done is undone.
    """
    if isinstance(admin, str):
        with psycopg.connect(admin, autocommit=True) as connection:
            return migrate(connection, migrations=migrations, progress=progress)
    admin.autocommit = True
    admin.row_factory = tuple_row
    wanted = shipped() if migrations is None else tuple(migrations)
    runner = _Runner(admin, progress)
    runner.lock()
    try:
        runner.bootstrap()
        return tuple(runner.apply(migration) for migration in runner.pending(wanted))
    finally:
        runner.unlock()


class _Runner:
    """The steps of one run on one connection."""

    def __init__(self, connection: AnyConnection, progress: Progress) -> None:
        self._connection = connection
        self._progress = progress

    def lock(self) -> None:
        """Hold the one lock of all runners; polled, so that no statement waits in the server."""
        deadline, pause = time.monotonic() + _LOCK_WAIT_S, 0.01
        while not self._value("select pg_try_advisory_lock(%s)", _LOCK):
            if time.monotonic() > deadline:
                raise MigrationRefused("another migration run is still under way")
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def unlock(self) -> None:
        """Give the lock back, unless the connection is gone and the lock with it."""
        if not self._connection.closed:
            self._connection.execute(
                "rollback; reset role; reset lock_timeout; reset statement_timeout"
            )
            self._connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))

    def bootstrap(self) -> None:
        """Make the roles and schemas that only the administrator may make."""
        for setting in _TIMEOUTS:
            self._run(setting)
        text = files("orchstack.kernel.db").joinpath("bootstrap.sql").read_text(encoding="utf-8")
        for statement in split(text):
            self._run(statement)

    def pending(self, wanted: Sequence[Migration]) -> list[Migration]:
        """Give the files still to apply; refuses a changed file and a gap filled in later."""
        rows = self._connection.execute(_APPLIED).fetchall()
        applied: dict[int, str] = dict(rows)
        _refuse_changed(wanted, applied)
        pending = [migration for migration in wanted if migration.version not in applied]
        _refuse_late(pending, last=max(applied, default=0))
        return pending

    def apply(self, migration: Migration) -> str:
        """Apply one file; a lock that is not to be had in time is tried for again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._apply_once(migration)
            except _BUSY:
                self._connection.execute("rollback")
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(0.2 * attempt)
            else:
                break
        return migration.name

    def _apply_once(self, migration: Migration) -> None:
        if migration.transactional:
            self._run("begin")
        else:
            self._drop_invalid_indexes()
        self._run("set role orchstack_owner")
        for statement in split(migration.text):
            self._run(statement)
        if broken := violations(self._connection):
            raise MigrationRefused(f"{migration.name} breaks the rules: {'; '.join(broken)}")
        self._connection.execute(
            "insert into migration.applied (version, name, checksum) values (%s, %s, %s)",
            (migration.version, migration.name, migration.checksum),
        )
        self._progress("insert into migration.applied")
        if migration.transactional:
            self._run("commit")
        self._run("reset role")

    def _drop_invalid_indexes(self) -> None:
        for (name,) in self._connection.execute(_INVALID_INDEXES).fetchall():
            self._connection.execute(
                sql.SQL("drop index if exists {}").format(sql.Identifier("app", name))
            )

    def _run(self, statement: str) -> None:
        self._connection.execute(statement)
        self._progress(statement)

    def _value(self, query: LiteralString, *parameters: object) -> object:
        row = self._connection.execute(query, parameters).fetchone()
        return row[0] if row else None


def _refuse_changed(wanted: Sequence[Migration], applied: Mapping[int, str]) -> None:
    known = [migration for migration in wanted if migration.version in applied]
    changed = [m.name for m in known if m.checksum != applied[m.version]]
    if changed:
        raise MigrationRefused(f"applied, then changed: {', '.join(changed)}; add a new file")


def _refuse_late(pending: Sequence[Migration], last: int) -> None:
    late = [migration.name for migration in pending if migration.version < last]
    if late:
        raise MigrationRefused(f"numbered below an applied file: {', '.join(late)}")
