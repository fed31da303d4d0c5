"""What a tenant used, and how the versions of its agents do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import Period
from orchstack.agent_runtime.model.reports import (
    AgentStats,
    Estimate,
    Grouping,
    Range,
    UsageReport,
    UsageTotals,
    VersionFigures,
    VersionStats,
)
from orchstack.agent_runtime.ports_outcomes import Reports
from orchstack.agent_runtime.service.tables import usage_table
from orchstack.agent_runtime.statistics import wilson

MOST_GROUPS: Final = 1_000
_NONE: Final = Estimate(estimate=0, low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Adds up the runs that ended in a period."""

    reports: Reports

    def report(self, tenant_id: UUID, period: Period, grouping: Grouping) -> UsageReport:
        """Add up usage by group."""
        rows = self.reports.usage(tenant_id, period, grouping, MOST_GROUPS + 1)
        shown = rows[:MOST_GROUPS]
        return UsageReport(
            range=Range.of(period),
            group_by=grouping,
            rows=tuple(shown),
            total=sum(shown, UsageTotals()),
            truncated=len(rows) > MOST_GROUPS,
        )

    def table(self, tenant_id: UUID, period: Period, grouping: Grouping) -> str:
        """Add up usage by group, as CSV."""
        return usage_table(self.report(tenant_id, period, grouping))

    def stats(self, tenant_id: UUID, agent: str, period: Period) -> AgentStats:
        """Show how the versions of an agent did; none for an agent without runs."""
        figures = self.reports.figures(tenant_id, agent, period)
        return AgentStats(
            agent=agent, range=Range.of(period), versions=tuple(map(stats_of, figures))
        )


def stats_of(figures: VersionFigures) -> VersionStats:
    """Make the statistics of a version of its figures."""
    cost = figures.total_cost / figures.successes if figures.successes else None
    score = figures.score_sample
    return VersionStats(
        version=figures.version,
        runs=figures.runs,
        successes=figures.successes,
        reviewed=figures.reviewed,
        success_rate=Estimate.of(wilson(figures.successes, figures.runs)) or _NONE,
        cost_per_success_micro_usd=cost,
        latency_ms=figures.latency,
        cost_micro_usd=figures.cost,
        mean_latency_ms=figures.latency_sample.mean,
        mean_cost_micro_usd=figures.cost_sample.mean,
        mean_score=None if score is None else score.mean,
        total_cost_micro_usd=figures.total_cost,
        business_value_micro_usd=figures.total_value,
        input_tokens=figures.input_tokens,
        output_tokens=figures.output_tokens,
        finish_reasons=dict(figures.finish_reasons),
    )
