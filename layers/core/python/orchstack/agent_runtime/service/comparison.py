"""Two versions of an agent side by side: what their outcomes show, and what they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import Period
from orchstack.agent_runtime.model.reports import (
    Comparison,
    Difference,
    Differences,
    Range,
    VersionFigures,
)
from orchstack.agent_runtime.ports_outcomes import Reports
from orchstack.agent_runtime.service.usage import stats_of
from orchstack.agent_runtime.statistics import (
    Interval,
    Sample,
    mean_difference,
    rate_difference,
    runs_to_tell,
)
from orchstack.kernel.errors import InvalidRequest, NotFound

_Side = Literal["a", "b"]
# Below so many runs of a version even a large difference is luck more often than not.
FEWEST_RUNS: Final = 10


@dataclass(frozen=True, kw_only=True)
class VersionComparison:
    """Compares the outcomes of two versions."""

    reports: Reports

    def compare(
        self, tenant_id: UUID, agent: str, versions: tuple[int, int], period: Period
    ) -> Comparison:
        """Compare version `a` with version `b`.

        Raises InvalidRequest for one version twice, and NotFound if either has no outcomes.
        """
        if versions[0] == versions[1]:
            raise InvalidRequest("Name two different versions to compare.")
        figures = self.reports.figures(tenant_id, agent, period, versions=versions)
        found = {f.version: f for f in figures}
        missing = [str(version) for version in versions if version not in found]
        if missing:
            raise NotFound(
                f"No outcomes of version {' and '.join(missing)} of {agent} in this period; "
                "widen it, or run the version first."
            )
        return _compared(agent, found[versions[0]], found[versions[1]], period)


def _compared(agent: str, a: VersionFigures, b: VersionFigures, period: Period) -> Comparison:
    rates = _rates(a, b)
    verdict = rates.better or "undecided"
    wanted = runs_to_tell((a.successes, a.runs), (b.successes, b.runs))
    more = None if wanted is None else max(1, wanted - min(a.runs, b.runs), _few(a, b))
    undecided = verdict == "undecided"
    return Comparison(
        agent=agent,
        range=Range.of(period),
        a=stats_of(a),
        b=stats_of(b),
        differences=Differences(
            success_rate=rates,
            cost_micro_usd=_means(a.cost_sample, b.cost_sample, more_is="a"),
            latency_ms=_means(a.latency_sample, b.latency_sample, more_is="a"),
            score=_means(a.score_sample, b.score_sample, more_is="b"),
            business_value_micro_usd=_means(a.value_sample, b.value_sample, more_is="b"),
        ),
        verdict=verdict,
        summary=_undecided(more) if undecided else _decided(verdict, rates),
        more_runs=more if undecided else 0,
    )


def _few(a: VersionFigures, b: VersionFigures) -> int:
    return FEWEST_RUNS - min(a.runs, b.runs)


def _rates(a: VersionFigures, b: VersionFigures) -> Difference:
    interval = rate_difference((a.successes, a.runs), (b.successes, b.runs))
    known = interval or Interval(0.0, -1.0, 1.0)
    better = None if _few(a, b) > 0 else _better(known, more_is="b")
    return Difference(**vars(known), better=better, method="newcombe")


def _means(a: Sample | None, b: Sample | None, *, more_is: _Side) -> Difference | None:
    interval = mean_difference(a, b)
    if interval is None:
        return None
    enough = a is not None and b is not None and min(a.count, b.count) >= FEWEST_RUNS
    better = _better(interval, more_is) if enough else None
    return Difference(**vars(interval), better=better, method="welch")


def _better(interval: Interval, more_is: _Side) -> _Side | None:
    """Tell which side the interval speaks for; `more_is` is the better one if `b` has more."""
    if not interval.excludes_zero:
        return None
    less_is: _Side = "a" if more_is == "b" else "b"
    return more_is if interval.low > 0 else less_is


def _decided(verdict: str, rates: Difference) -> str:
    ends = sorted(abs(100 * end) for end in (rates.low, rates.high))
    return (
        f"{verdict.upper()} is better: its success rate is {abs(100 * rates.estimate):.1f} points "
        f"higher (95 % between {ends[0]:.1f} and {ends[1]:.1f})."
    )


def _undecided(more: int | None) -> str:
    if more is None:
        return "No difference of success shown yet, and none is seen to look for."
    return (
        "No difference of success shown yet; if it is as large as it looks, about "
        f"{more:,} more runs of each version would show it."
    )
