"""Outcomes added up by PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import Period
from orchstack.agent_runtime.model.reports import (
    Grouping,
    Percentiles,
    UsageRow,
    VersionFigures,
)
from orchstack.agent_runtime.statistics import Sample
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row

_SQL: Final = load("orchstack.agent_runtime.adapters", "outcome_reports.sql")
_SUMS: Final = (
    "version",
    "runs",
    "successes",
    "reviewed",
    "input_tokens",
    "output_tokens",
    "total_cost",
    "total_value",
    "finish_reasons",
)


class PostgresReports:
    """Adds outcomes up where they lie."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application."""
        self._database = database

    def usage(
        self, tenant_id: UUID, period: Period, grouping: Grouping, limit: int
    ) -> list[UsageRow]:
        """Give usage by group: days in order, else the dearest first."""
        given = {"tenant_id": tenant_id, "grouping": grouping, "limit": limit, **vars(period)}
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["usage"], given)
        return [UsageRow.model_validate(row) for row in rows]

    def figures(
        self,
        tenant_id: UUID,
        agent: str,
        period: Period,
        *,
        versions: Sequence[int] | None = None,
    ) -> list[VersionFigures]:
        """Give the figures of an agent's versions, newest first, a hundred at most; no forks."""
        chosen = None if versions is None else list(versions)
        given = {"tenant_id": tenant_id, "agent": agent, "versions": chosen, **vars(period)}
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["figures"], given)
        return [_figures(row) for row in rows]


def _figures(row: Row) -> VersionFigures:
    return VersionFigures(
        **{name: row[name] for name in _SUMS},
        latency=_percentiles(row["latency"]),
        cost=_percentiles(row["cost"]),
        latency_sample=_sample(row, "latency", row["runs"]),
        cost_sample=_sample(row, "cost", row["runs"]),
        score_sample=_judged(row, "score"),
        value_sample=_judged(row, "value"),
    )


def _judged(row: Row, name: str) -> Sample | None:
    """Of what a reviewer may have said."""
    count = row[f"{name}_count"]
    return _sample(row, name, count) if count else None


def _sample(row: Row, name: str, count: int) -> Sample:
    return Sample(count, row[f"{name}_mean"], row[f"{name}_variance"])


def _percentiles(three: tuple[float, float, float]) -> Percentiles:
    p50, p95, p99 = three
    return Percentiles(p50=p50, p95=p95, p99=p99)
