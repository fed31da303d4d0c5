"""Stored answers in PostgreSQL: the slot is an advisory lock that ends with the transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Transaction
from orchstack.kernel.errors import RequestInFlight
from orchstack.kernel.idempotency import KEPT_FOR, Claim, Slot, StoredAnswer

_SQL = load("orchstack.kernel.db", "idempotency.sql")


class PostgresAnswers:
    """Keeps answers in app.idempotency_answers; the platform's sweep deletes the expired ones."""

    def __init__(self, database: Database) -> None:
        """Take the database whose transactions the operations join."""
        self._database = database

    @contextmanager
    def claim(self, slot: Slot, now: datetime) -> Iterator[Claim]:
        """Hold a slot; see kernel.idempotency.Answers."""
        with self._database.transaction(slot.tenant_id) as tx:
            _lock(tx, slot)
            # A second statement, so that its snapshot is younger than the lock.
            row = tx.one(_SQL["find_answer"], {**_place(slot), "now": now})
            claim = Claim(stored=None if row is None else StoredAnswer(**row))
            yield claim
            if claim.answer is not None:
                _keep(tx, slot, claim.answer, now)


def _place(slot: Slot) -> dict[str, object]:
    return {"tenant_id": slot.tenant_id, "operation": slot.operation, "key": slot.key}


def _lock(tx: Transaction, slot: Slot) -> None:
    row = tx.one(_SQL["lock_slot"], {"slot": f"{slot.tenant_id}/{slot.operation}/{slot.key}"})
    if row is None or not row["locked"]:
        raise RequestInFlight(retry_after_s=1)


def _keep(tx: Transaction, slot: Slot, answer: StoredAnswer, now: datetime) -> None:
    tx.execute(
        _SQL["keep_answer"],
        {
            **_place(slot),
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "headers": json.dumps(answer.headers),
            "body": answer.body,
            "expires_at": now + KEPT_FOR,
        },
    )
