"""Transactions: one tenant each, all or nothing, and not bothered by a connection that died."""

from __future__ import annotations

from orchstack.kernel.db import outbox
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from tests import make


def test_a_transaction_sees_its_tenant_only(database: Database) -> None:
    """What one tenant wrote, another does not see."""
    mine, other = new_id(), new_id()
    with database.transaction(mine) as tx:
        outbox.write(tx, make.announcement(mine))
    with database.transaction(other) as tx:
        assert [] == tx.all("select * from app.outbox")
        assert [] == tx.all("select * from app.audit_entries")
    with database.transaction(mine) as tx:
        assert 1 == len(tx.all("select * from app.outbox"))
