"""The parts of contexts, and the factors of tokens, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.contexts import (
    LEAST_WEIGHT,
    WORTH_LEARNING,
    KeptPart,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database

_SQL: Final = load("orchstack.agent_runtime.adapters", "contexts.sql")
_PACE: Final = {"weight": LEAST_WEIGHT, "worth_it": WORTH_LEARNING}


class PostgresContexts:
    """Keeps the parts of contexts; every method joins the transaction that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database that the other parts of a run's transactions use too."""
        self._database = database

    def keep(self, tenant_id: UUID, run_id: UUID, parts: Sequence[KeptPart]) -> None:
        """Keep parts; they travel with the next statement of the transaction, or its commit."""
        given = {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "hashes": [part.hash for part in parts],
            "parts": [part.text for part in parts],
        }
        with self._database.transaction(tenant_id) as tx:
            tx.later(_SQL["keep"], given)

    def parts(self, tenant_id: UUID, run_id: UUID, hashes: Collection[str]) -> Mapping[str, str]:
        """Give the texts of parts by hash, as far as they are there."""
        given = {"tenant_id": tenant_id, "run_id": run_id, "hashes": list(hashes)}
        with self._database.transaction(tenant_id) as tx:
            return {row["hash"]: row["part"] for row in tx.all(_SQL["parts"], given)}

    def erase(self, run: Run) -> None:
        """Erase all parts of a run."""
        with self._database.transaction(run.tenant_id) as tx:
            tx.execute(_SQL["erase"], {"tenant_id": run.tenant_id, "run_id": run.id})


class PostgresFactors:
    """Keeps one factor for each tenant and model."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application."""
        self._database = database

    def factor(self, tenant_id: UUID, model: str) -> float:
        """Give what counts have to be multiplied by; 1 if nothing is known."""
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["factor"], {"tenant_id": tenant_id, "model": model})
        return 1.0 if row is None else float(row["factor"])

    def learn(self, tenant_id: UUID, model: str, *, counted: int, reported: int) -> None:
        """Take in one call."""
        key = {"tenant_id": tenant_id, "model": model}
        given = {**key, **_PACE, "ratio": reported / counted}
        with self._database.transaction(tenant_id) as tx:
            known = tx.one(_SQL["factor"], key)
            tx.execute(_SQL["begin_learning" if known is None else "learn"], given)
