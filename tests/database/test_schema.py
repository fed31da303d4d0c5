"""The schema file says what the migrations make, and other tools make the same of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from orchstack.kernel.db import schema
from orchstack.kernel.db.migrate import migrate, shipped
from orchstack.local.postgres import PostgresServer

_FILE = Path(schema.__file__).parent / "schema.sql"


def _dump(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return schema.dump(connection)


def test_the_schema_file_is_what_the_migrations_make(admin_dsn: str) -> None:
    """Whoever changes the schema writes schema.sql anew: `make generate`."""
    assert _FILE.read_text(encoding="utf-8") == _dump(admin_dsn)


@pytest.fixture
def bootstrapped_dsn(postgres: PostgresServer, make_database: Callable[[str | None], str]) -> str:
    """A database with the roles and schemas, but without a migration."""
    dsn = postgres.dsn(dbname=make_database(None))
    migrate(dsn, migrations=())
    return dsn


def _write_for_dbmate(folder: Path) -> None:
    for migration in shipped():
        mark = "" if migration.transactional else " transaction:false"
        text = f"-- migrate:up{mark}\nset role orchstack_owner;\n{migration.text}\nreset role;\n"
        text += "-- migrate:down\n"
        (folder / migration.name).write_text(text, encoding="utf-8")


def test_another_runner_makes_the_same_schema(
    bootstrapped_dsn: str, admin_dsn: str, tmp_path: Path
) -> None:
    """The files are plain SQL: dbmate, an independent runner, ends with the same schema."""
    _write_for_dbmate(tmp_path)
    done = subprocess.run(  # noqa: S603 - the tool of our own environment, on a database of this test
        [
            str(Path(sys.executable).parent / "dbmate"),
            f"--url={bootstrapped_dsn}?sslmode=disable",
            f"--migrations-dir={tmp_path}",
            "--no-dump-schema",
            "migrate",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 0 == done.returncode, done.stderr
    assert _dump(admin_dsn) == _dump(bootstrapped_dsn)
