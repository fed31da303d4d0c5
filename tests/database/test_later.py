"""Statements that travel with the next one, or with the commit."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id

KEEP = "insert into app.inbox (tenant_id, consumer, message_id) values (%s, %s, %s)"
KEPT = "select message_id from app.inbox order by message_id"


def test_a_statement_for_later_is_seen_by_the_next(database: Database) -> None:
    """It runs before the statement that it travels with."""
    tenant = new_id()
    with database.transaction(tenant) as tx:
        tx.one("select 1 as one")
        tx.later(KEEP, (tenant, "tests", "a"))
        assert ["a"] == [row["message_id"] for row in tx.all(KEPT)]


def test_what_is_left_for_later_travels_with_the_commit(database: Database) -> None:
    """Also where nothing else was done in the transaction."""
    tenant = new_id()
    with database.transaction(tenant) as tx:
        tx.later(KEEP, (tenant, "tests", "a"))
    with database.transaction(tenant) as tx:
        tx.one("select 1 as one")
        tx.later(KEEP, (tenant, "tests", "b"))
        tx.later(KEEP, (tenant, "tests", "c"))

    with database.transaction(tenant) as tx:
        assert ["a", "b", "c"] == [row["message_id"] for row in tx.all(KEPT)]


def _keep_twice(database: Database, tenant: UUID) -> None:
    with database.transaction(tenant) as tx:
        tx.execute(KEEP, (tenant, "tests", "a"))
        tx.later(KEEP, (tenant, "tests", "a"))


def test_a_fault_in_it_undoes_the_transaction(database: Database) -> None:
    """It is raised where the statement is sent, and nothing is kept."""
    tenant = new_id()
    with pytest.raises(psycopg.errors.UniqueViolation):
        _keep_twice(database, tenant)

    with database.transaction(tenant) as tx:
        assert [] == tx.all(KEPT)
