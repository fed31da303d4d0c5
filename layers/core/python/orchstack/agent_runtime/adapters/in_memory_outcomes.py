"""What became of runs, in memory, with the same promises as the database."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import (
    Judgement,
    Outcome,
    OutcomeChoice,
    OutcomePlace,
    Period,
    Review,
    succeeded,
)
from orchstack.agent_runtime.model.reports import (
    Grouping,
    Percentiles,
    UsageRow,
    VersionFigures,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.model.traces import Traces
from orchstack.agent_runtime.statistics import Sample, percentile, sample_of
from orchstack.kernel.chat import MicroDollars, Usage
from orchstack.kernel.events import Announcement

_Key = tuple[UUID, UUID]
_Judged = tuple[Outcome, Review | None]
_MOST_REVIEWS, _MOST_VERSIONS = 100, 100


@dataclass
class InMemoryOutcomes:
    """Keeps outcomes and reviews by run; one transaction at a time."""

    kept: dict[_Key, Outcome] = field(default_factory=dict)
    said: dict[_Key, tuple[Review, ...]] = field(default_factory=dict)
    announced: list[Announcement] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _depth: int = 0

    @contextmanager
    def transaction(self, tenant_id: UUID) -> Iterator[None]:
        """Keep what is done inside at its end; undo it on an error."""
        del tenant_id
        with self._lock:
            before = (dict(self.kept), dict(self.said), list(self.announced))
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self.kept, self.said, self.announced = before
                raise
            finally:
                self._depth -= 1

    def record(self, outcome: Outcome) -> bool:
        """Keep an outcome; False if the run has one, which stays as it is."""
        key = (outcome.tenant_id, outcome.run_id)
        return self.kept.setdefault(key, outcome) is outcome

    def outcome(self, tenant_id: UUID, run_id: UUID) -> Outcome | None:
        """Give the outcome of a run, once it is recorded."""
        return self.kept.get((tenant_id, run_id))

    def review(
        self, run: Run, judgement: Judgement, *, reviewer: str, at: datetime
    ) -> Review | None:
        """Keep a review, which from now on counts; None if it says what counts already."""
        plain = {**judgement.model_dump(), "reviewer": reviewer}
        with self._lock:
            earlier = self.said.get((run.tenant_id, run.id), ())
            if earlier and plain == earlier[0].model_dump(exclude={"revision", "reviewed_at"}):
                return None
            review = Review(**plain, revision=len(earlier) + 1, reviewed_at=at)
            self.said[run.tenant_id, run.id] = (review, *earlier)
            return review

    def reviews(self, tenant_id: UUID, run_id: UUID) -> tuple[Review, ...]:
        """Give the reviews of a run, newest first, a hundred at most."""
        return self.said.get((tenant_id, run_id), ())[:_MOST_REVIEWS]

    def erase(self, run: Run) -> None:
        """Forget what reviewers wrote of a run; how they judged it stays."""
        reviews = self.said.get((run.tenant_id, run.id), ())
        bare = tuple(review.model_copy(update={"comment": ""}) for review in reviews)
        self.said[run.tenant_id, run.id] = bare

    def page(
        self,
        tenant_id: UUID,
        choice: OutcomeChoice,
        *,
        limit: int,
        before: OutcomePlace | None,
    ) -> list[tuple[Outcome, Review | None]]:
        """Give outcomes with the review that counts, the last to end first, below a place."""
        found = [
            judged
            for judged in self._judged(tenant_id, choice.period)
            if _in(judged, choice) and (before is None or _place(judged[0]) < before)
        ]
        found.sort(key=lambda judged: _place(judged[0]), reverse=True)
        return found[:limit]

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Announce a change, in the transaction that is open."""
        del tenant_id
        self.announced.append(announcement)

    def usage(
        self, tenant_id: UUID, period: Period, grouping: Grouping, limit: int
    ) -> list[UsageRow]:
        """Give usage by group: days in order, else the dearest first; no nested runs."""
        groups: dict[UsageRow, UsageRow] = {}
        own = (outcome for outcome, _ in self._judged(tenant_id, period) if not outcome.nested)
        for outcome in own:
            names = _GROUPS[grouping](outcome)
            so_far = groups.get(names, names)
            totals = (so_far + _used(outcome)).model_dump()
            groups[names] = names.model_copy(update=totals)
        return sorted(groups.values(), key=_dearest)[:limit]

    def figures(
        self,
        tenant_id: UUID,
        agent: str,
        period: Period,
        *,
        versions: Sequence[int] | None = None,
    ) -> list[VersionFigures]:
        """Give the figures of an agent's versions, newest first, a hundred at most; no forks."""
        found = [
            judged
            for judged in self._judged(tenant_id, period)
            if judged[0].agent == agent
            and not judged[0].forked
            and (versions is None or judged[0].version in versions)
        ]
        found.sort(key=_version, reverse=True)
        return [_figures(v, list(of)) for v, of in groupby(found, _version)][:_MOST_VERSIONS]

    def _judged(self, tenant_id: UUID, period: Period) -> Iterator[_Judged]:
        for (owner, run_id), outcome in self.kept.items():
            if owner == tenant_id and period.since <= outcome.finished_at < period.until:
                yield outcome, next(iter(self.said.get((owner, run_id), ())), None)


def _place(outcome: Outcome) -> OutcomePlace:
    return outcome.finished_at, outcome.run_id


def _in(judged: _Judged, choice: OutcomeChoice) -> bool:
    outcome, review = judged
    label = None if review is None else review.label
    return (
        choice.agent in {None, outcome.agent}
        and choice.version in {None, outcome.version}
        and choice.label in {None, label}
    )


_GROUPS: dict[Grouping, Callable[[Outcome], UsageRow]] = {
    Grouping.DAY: lambda o: UsageRow(day=o.finished_at.astimezone(UTC).date()),
    Grouping.AGENT: lambda o: UsageRow(agent=o.agent),
    Grouping.VERSION: lambda o: UsageRow(agent=o.agent, version=o.version),
    Grouping.KEY: lambda o: UsageRow(key_id=o.key_id),
}


def _used(outcome: Outcome) -> UsageRow:
    return UsageRow(
        runs=1,
        failures=int(outcome.status is RunStatus.FAILED),
        cost_micro_usd=outcome.cost_micro_usd,
        **outcome.usage.model_dump(),
    )


def _dearest(row: UsageRow) -> tuple[str, int, int, str, int, str]:
    names = (str(row.day or ""), -row.cost_micro_usd, -row.runs)
    return (*names, row.agent or "", row.version or 0, str(row.key_id or ""))


def _version(judged: _Judged) -> int:
    return judged[0].version


def _figures(version: int, found: Sequence[_Judged]) -> VersionFigures:
    outcomes = [outcome for outcome, _ in found]
    latencies = [outcome.latency_ms.total for outcome in outcomes]
    costs = [outcome.cost_micro_usd for outcome in outcomes]
    usage = sum((outcome.usage for outcome in outcomes), Usage())
    values = _said(found, "business_value_micro_usd")
    return VersionFigures(
        version=version,
        runs=len(found),
        successes=sum(succeeded(outcome, review) is True for outcome, review in found),
        reviewed=sum(review is not None for _, review in found),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_cost=sum(costs),
        total_value=int(sum(values)),
        latency=_percentiles(latencies),
        cost=_percentiles(costs),
        latency_sample=sample_of(latencies),
        cost_sample=sample_of(costs),
        score_sample=_sample(_said(found, "score")),
        value_sample=_sample(values),
        finish_reasons=Counter(outcome.finish_reason.value for outcome in outcomes),
    )


def _said(found: Sequence[_Judged], name: str) -> list[float]:
    """What the reviews say under a name, where they say it."""
    said = (getattr(review, name) for _, review in found if review is not None)
    return [value for value in said if value is not None]


def _sample(values: Sequence[float]) -> Sample | None:
    return sample_of(values) if values else None


def _percentiles(values: Sequence[float]) -> Percentiles:
    return Percentiles(
        p50=percentile(values, 0.5), p95=percentile(values, 0.95), p99=percentile(values, 0.99)
    )


@dataclass
class InMemoryMetrics:
    """Keeps what was measured."""

    measured: list[Outcome] = field(default_factory=list)

    def measure(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.measured.append(outcome)


@dataclass
class InMemoryCanaries:
    """Keeps what was observed: agent, version, whether it failed, cost."""

    observed: list[tuple[str, int, bool, MicroDollars]] = field(default_factory=list)

    def observe(
        self,
        tenant_id: UUID,
        agent: str,
        version: int,
        run_id: UUID,
        *,
        failed: bool,
        cost_micro_usd: MicroDollars,
    ) -> bool:
        """Keep the observation; it ends no canary."""
        del tenant_id, run_id
        self.observed.append((agent, version, failed, cost_micro_usd))
        return False


@dataclass
class InMemoryCollector:
    """Keeps the traces it was sent."""

    taken: list[Traces] = field(default_factory=list)

    def send(self, traces: Traces) -> None:
        """Keep the traces."""
        self.taken.append(traces)
