"""The migration runner: each file once, in order, all or nothing, however often it is cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from orchstack.kernel.db import migrate as migrations
from orchstack.kernel.db.migrate import Migration, MigrationRefused, migrate, shipped
from orchstack.kernel.db.rules import violations
from orchstack.kernel.db.schema import dump
from orchstack.local.postgres import PostgresServer

MakeDatabase = Callable[[str | None], str]

_FIRST = shipped()[0]
_NOTES = Migration(
    version=9001,
    name="9001_notes.sql",
    text="create table app.notes (tenant_id uuid not null, n int, primary key (tenant_id));\n"
    "select app.isolate('notes', 'select');\n",
)
_INDEX = Migration(
    version=9002,
    name="9002_notes_index.sql",
    text="-- no-transaction\ncreate index concurrently if not exists notes_n on app.notes (n);\n",
)


@pytest.fixture
def empty_dsn(postgres: PostgresServer, make_database: MakeDatabase) -> str:
    """The superuser's way into an empty database."""
    return postgres.dsn(dbname=make_database(None))


def _dump(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return dump(connection)


class _Killer:
    """Ends a run's connection after the first statement after which no earlier run was ended."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._tried: set[tuple[int, str]] = set()
        self._committed = 0

    def run(self) -> bool:
        """Migrate until it is cut off; False once a run was left nothing to be cut off after."""
        known = len(self._tried)
        with (
            psycopg.connect(self._dsn, autocommit=True) as admin,
            suppress(psycopg.OperationalError),
            psycopg.connect(self._dsn) as connection,
        ):
            migrate(connection, progress=self._killing(admin, connection.info.backend_pid))
        return len(self._tried) > known

    def _killing(self, admin: psycopg.Connection[Any], pid: int) -> Callable[[str], None]:
        known = len(self._tried)

        def kill(statement: str) -> None:
            self._committed += statement == "commit"
            if len(self._tried) == known:
                self._tried.add((self._committed, statement))
                if len(self._tried) > known:
                    admin.execute("select pg_terminate_backend(%s, 5000)", (pid,))

        return kill


def test_a_second_run_has_nothing_to_do(empty_dsn: str) -> None:
    """The first run applies every file in order, the second none."""
    names = tuple(m.name for m in shipped())
    assert names == migrate(empty_dsn)
    assert () == migrate(empty_dsn)


@pytest.mark.slow
def test_a_run_cut_off_after_any_statement_can_be_repeated(
    postgres: PostgresServer, empty_dsn: str, template: str
) -> None:
    """However often runs die, and after whatever statement, the last one ends with the schema."""
    killer = _Killer(empty_dsn)
    runs = 0
    while killer.run():
        runs += 1
    assert runs > 4 * len(shipped())
    assert _dump(postgres.dsn(dbname=template)) == _dump(empty_dsn)


def test_a_changed_file_is_refused(admin_dsn: str) -> None:
    """An applied file never changes; nothing is applied until it is put back."""
    changed = Migration(version=1, name=_FIRST.name, text=_FIRST.text + "-- edited\n")
    with pytest.raises(MigrationRefused, match=r"0001_foundation\.sql"):
        migrate(admin_dsn, migrations=(changed, *shipped()[1:], _NOTES))
    assert "app.notes" not in _dump(admin_dsn)


def test_a_number_below_an_applied_one_is_refused(admin_dsn: str) -> None:
    """Files are applied in one order everywhere."""
    migrate(admin_dsn, migrations=(*shipped(), _INDEX_FREE))
    with pytest.raises(MigrationRefused, match=r"9001_notes\.sql"):
        migrate(admin_dsn, migrations=(*shipped(), _NOTES, _INDEX_FREE))


_INDEX_FREE = Migration(version=9003, name="9003_nothing.sql", text="select 1;\n")


def test_a_newer_database_is_left_alone(admin_dsn: str) -> None:
    """Old code that is deployed again finds files applied that it does not know."""
    migrate(admin_dsn, migrations=(*shipped(), _NOTES))
    assert () == migrate(admin_dsn)


def test_a_failing_file_leaves_nothing(admin_dsn: str) -> None:
    """A file with an error in its last statement is undone as a whole, and can be mended."""
    broken = Migration(version=9001, name="9001_notes.sql", text=_NOTES.text + "select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(admin_dsn, migrations=(*shipped(), broken))
    assert "app.notes" not in _dump(admin_dsn)
    assert (_NOTES.name,) == migrate(admin_dsn, migrations=(*shipped(), _NOTES))


def test_a_file_that_breaks_a_rule_is_refused(admin_dsn: str) -> None:
    """A table that would not be isolated never comes into being."""
    open_table = Migration(
        version=9001, name="9001_notes.sql", text="create table app.notes (n integer);"
    )
    with pytest.raises(MigrationRefused, match="table_without_forced_row_security"):
        migrate(admin_dsn, migrations=(*shipped(), open_table))
    assert "app.notes" not in _dump(admin_dsn)


def test_an_index_that_a_crash_left_invalid_is_built_again(admin_dsn: str) -> None:
    """`if not exists` alone would keep a broken index for ever."""
    migrate(admin_dsn, migrations=(*shipped(), _NOTES))
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute("create index notes_n on app.notes (n)")
        admin.execute(
            "update pg_index set indisvalid = false where indexrelid = 'app.notes_n'::regclass"
        )
    assert (_INDEX.name,) == migrate(admin_dsn, migrations=(*shipped(), _NOTES, _INDEX))
    with psycopg.connect(admin_dsn) as admin:
        row = admin.execute(
            "select indisvalid from pg_index where indexrelid = 'app.notes_n'::regclass"
        ).fetchone()
    assert (True,) == row


def test_two_runs_at_once_take_turns(empty_dsn: str) -> None:
    """Of two runs started together one applies everything and the other finds nothing to do."""
    applied: list[tuple[str, ...]] = []
    runs = [threading.Thread(target=lambda: applied.append(migrate(empty_dsn))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [(), tuple(m.name for m in shipped())] == sorted(applied, key=len)


def test_a_run_does_not_wait_for_ever(admin_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that finds another one under way says so and gives up."""
    monkeypatch.setattr(migrations, "_LOCK_WAIT_S", 0.1)
    with psycopg.connect(admin_dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", (migrations._LOCK,))
        with pytest.raises(MigrationRefused, match="under way"):
            migrate(admin_dsn)


def test_a_busy_table_is_tried_again(admin_dsn: str) -> None:
    """A lock that is not to be had within three seconds ends the attempt, not the run."""
    migrate(admin_dsn, migrations=(*shipped(), _NOTES))
    wider = Migration(
        version=9002, name="9002_wider.sql", text="alter table app.notes add column m integer;"
    )
    with psycopg.connect(admin_dsn) as busy:
        busy.execute("select * from app.notes")
        timer = threading.Timer(3.5, busy.rollback)
        timer.start()
        assert (wider.name,) == migrate(admin_dsn, migrations=(*shipped(), _NOTES, wider))
        timer.join()


@pytest.fixture
def master_dsn(postgres: PostgresServer, make_database: MakeDatabase) -> Iterator[str]:
    """The way in of a master user like Aurora's: no superuser, but it may create roles."""
    name = make_database(None)
    with psycopg.connect(postgres.dsn(dbname=name), autocommit=True) as admin:
        admin.execute("drop role if exists master; create role master login createrole createdb")
        for role in ("owner", "app", "platform"):
            admin.execute(f"grant orchstack_{role} to master with admin option")
        admin.execute(f"alter database {name} owner to master")
        admin.execute("drop role if exists rds_iam; create role rds_iam")
        # On RDS the master may create the extensions of a list; here it is no trusted one.
        admin.execute("create extension vector")
        admin.execute("grant rds_iam to master with admin option")
    yield postgres.dsn(user="master", dbname=name)
    with psycopg.connect(postgres.dsn(dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)")
        admin.execute("drop owned by master cascade; drop role master; drop role rds_iam")


def test_a_master_user_without_superuser_can_migrate(template: str, master_dsn: str) -> None:
    """Aurora gives nobody a superuser; its master user may use IAM for the login roles."""
    assert template
    assert tuple(m.name for m in shipped()) == migrate(master_dsn)
    with psycopg.connect(master_dsn) as connection:
        assert [] == violations(connection)
        rows = connection.execute(
            "select member::regrole::text from pg_auth_members "
            "where roleid = 'rds_iam'::regrole and member::regrole::text like 'orchstack%'"
        ).fetchall()
    assert {("orchstack_app",), ("orchstack_platform",)} == set(rows)


def test_nobody_else_may_connect(empty_dsn: str) -> None:
    """A role that is none of ours gets into the database only if an administrator says so."""
    migrate(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        rows = connection.execute(
            "select a.grantee::regrole::text, a.privilege_type "
            "from pg_database d cross join lateral aclexplode(d.datacl) a "
            "where d.datname = current_database() and a.grantee <> d.datdba"
        ).fetchall()
    assert {("orchstack_app", "CONNECT"), ("orchstack_platform", "CONNECT")} == set(rows)


def test_the_shipped_files_are_numbered_without_gaps() -> None:
    """The next file's number is plain to see."""
    assert list(range(1, len(shipped()) + 1)) == [m.version for m in shipped()]
