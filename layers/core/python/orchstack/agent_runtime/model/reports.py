"""Figures over many runs: usage, an agent's versions, and two versions side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.agent_runtime.model.outcomes import Period
from orchstack.agent_runtime.statistics import Interval, Sample
from orchstack.kernel.agents import AgentName
from orchstack.kernel.frozen import Frozen


class Grouping(StrEnum):
    """What usage is added up by; days are UTC."""

    DAY = "day"
    AGENT = "agent"
    VERSION = "version"
    KEY = "key"


class Range(Frozen):
    """The time a report covers; its end lies outside."""

    from_: AwareDatetime = Field(serialization_alias="from")
    to: AwareDatetime

    @classmethod
    def of(cls, period: Period) -> Range:
        """Show a period."""
        return cls(from_=period.since, to=period.until)


class UsageTotals(Frozen):
    """Runs that ended, and what they used; money in micro-dollars."""

    runs: int = 0
    failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0

    def __add__(self, other: UsageTotals) -> UsageTotals:
        """Add up."""
        names = UsageTotals.model_fields
        return UsageTotals(**{n: getattr(self, n) + getattr(other, n) for n in names})


class UsageRow(UsageTotals):
    """The usage of one group; only the names it is grouped by are set."""

    day: date | None = None
    agent: AgentName | None = None
    version: int | None = None
    key_id: UUID | None = None


class UsageReport(Frozen):
    """Usage by group: days in order, else the dearest first; `truncated` after 1,000 groups."""

    range: Range
    group_by: Grouping
    rows: tuple[UsageRow, ...]
    total: UsageTotals
    truncated: bool


class Percentiles(Frozen):
    """The middle, and what one in twenty and one in a hundred passes."""

    p50: float
    p95: float
    p99: float


class Estimate(Frozen):
    """A figure and its 95 % confidence interval."""

    estimate: float
    low: float
    high: float

    @classmethod
    def of(cls, interval: Interval | None) -> Estimate | None:
        """Show an interval."""
        if interval is None:
            return None
        return cls(estimate=interval.estimate, low=interval.low, high=interval.high)


@dataclass(frozen=True, kw_only=True)
class VersionFigures:
    """What the outcomes of one version add up to, as the store gives it."""

    version: int
    runs: int
    successes: int
    reviewed: int
    input_tokens: int
    output_tokens: int
    total_cost: int
    total_value: int
    latency: Percentiles
    cost: Percentiles
    latency_sample: Sample
    cost_sample: Sample
    score_sample: Sample | None
    value_sample: Sample | None
    finish_reasons: Mapping[str, int] = field(default_factory=dict)


class VersionStats(Frozen):
    """How a version does: rates with Wilson's interval, money in micro-dollars."""

    version: int
    runs: int
    successes: int
    reviewed: int
    success_rate: Estimate
    # Null without a success.
    cost_per_success_micro_usd: float | None
    latency_ms: Percentiles
    cost_micro_usd: Percentiles
    mean_latency_ms: float
    mean_cost_micro_usd: float
    mean_score: float | None
    total_cost_micro_usd: int
    business_value_micro_usd: int
    input_tokens: int
    output_tokens: int
    finish_reasons: dict[str, int]


class AgentStats(Frozen):
    """How the versions of an agent do, the newest first (a hundred at most); forks left out."""

    agent: AgentName
    range: Range
    versions: tuple[VersionStats, ...]


class Difference(Estimate):
    """What `b` has more than `a`; `better` is null while the interval holds nought."""

    better: Literal["a", "b"] | None
    method: Literal["newcombe", "welch"]


class Differences(Frozen):
    """The differences between two versions; null where there is too little to tell."""

    success_rate: Difference | None
    cost_micro_usd: Difference | None
    latency_ms: Difference | None
    score: Difference | None
    business_value_micro_usd: Difference | None


class Comparison(Frozen):
    """Two versions of an agent side by side, and what that shows of their success."""

    agent: AgentName
    range: Range
    a: VersionStats
    b: VersionStats
    differences: Differences
    verdict: Literal["a", "b", "undecided"]
    summary: str
    # Of each version, until a difference as large as the one seen would be shown; null: none seen.
    more_runs: int | None
