"""What was said before sessions were counted is counted by their migration."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from orchstack.kernel.db.migrate import migrate, shipped
from orchstack.kernel.ids import new_id
from orchstack.local.postgres import PostgresServer

SESSIONS = "0007_sessions.sql"


@pytest.fixture
def earlier_dsn(postgres: PostgresServer, make_database: Callable[[str | None], str]) -> str:
    """A database as it was before the migration."""
    dsn = postgres.dsn(dbname=make_database(None))
    migrate(dsn, migrations=tuple(m for m in shipped() if m.name < SESSIONS))
    return dsn


def test_earlier_messages_are_counted(earlier_dsn: str) -> None:
    """Each by the rule of thumb, and their sum for the session; security stays forced."""
    tenant, session, run = new_id(), new_id(), new_id()
    with psycopg.connect(earlier_dsn) as connection:
        connection.execute("alter table app.session_messages disable trigger all")
        connection.execute(
            "insert into app.sessions (tenant_id, session_id, agent, message_count)"
            " values (%s, %s, 'adder', 2)",
            [tenant, session],
        )
        for seq, content in ((1, "17 * 23?"), (2, "391.5")):
            connection.execute(
                "insert into app.session_messages (tenant_id, session_id, seq, run_id, role,"
                " content) values (%s, %s, %s, %s, 'user', %s)",
                [tenant, session, seq, run, content],
            )
    migrate(earlier_dsn)
    with psycopg.connect(earlier_dsn) as connection:
        counted = connection.execute("select title, token_count from app.sessions").fetchall()
        forced = connection.execute(
            "select bool_and(relforcerowsecurity) from pg_class"
            " where oid in ('app.sessions'::regclass, 'app.session_messages'::regclass)"
        ).fetchone()

    assert [("", 4)] == counted
    assert (True,) == forced
