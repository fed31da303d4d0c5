"""The sweep: what has served its time goes, the rest stays."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import errors

from orchstack.kernel.db.idempotency import PostgresAnswers
from orchstack.kernel.db.session import Database
from orchstack.kernel.db.sweep import INBOX_KEPT_FOR, sweep
from orchstack.kernel.idempotency import KEPT_FOR, Slot, StoredAnswer
from orchstack.kernel.ids import new_id
from tests.make import NOW

_TAKE_IN = (
    "insert into app.inbox (tenant_id, consumer, message_id, taken_at) values (%s, 'c', %s, %s)"
)


def _keep_answer(database: Database, tenant_id: UUID) -> None:
    slot = Slot(tenant_id=tenant_id, operation="make_thing", key="k1")
    with PostgresAnswers(database).claim(slot, NOW) as claim:
        claim.answer = StoredAnswer(fingerprint="f", status=200, body="{}")


def test_expired_answers_go(database: Database, platform_database: Database) -> None:
    """Answers of every tenant are deleted when their day is over, not before."""
    for _ in range(3):
        _keep_answer(database, new_id())
    assert 0 == sweep(platform_database, NOW + KEPT_FOR - timedelta(seconds=1))
    assert 3 == sweep(platform_database, NOW + KEPT_FOR)
    assert 0 == sweep(platform_database, NOW + KEPT_FOR)


def test_old_messages_go(database: Database, platform_database: Database) -> None:
    """A message is remembered as long as a queue may deliver it again."""
    mine = new_id()
    with database.transaction(mine) as tx:
        tx.execute(_TAKE_IN, (mine, "old", NOW - INBOX_KEPT_FOR - timedelta(seconds=1)))
        tx.execute(_TAKE_IN, (mine, "young", NOW - INBOX_KEPT_FOR + timedelta(seconds=1)))
    assert 1 == sweep(platform_database, NOW)
    with database.transaction(mine) as tx:
        assert ["young"] == [row["message_id"] for row in tx.all("select * from app.inbox")]


def test_the_application_cannot_sweep(database: Database) -> None:
    """Deleting is the platform's work."""
    with pytest.raises(errors.InsufficientPrivilege):
        sweep(database, NOW)
