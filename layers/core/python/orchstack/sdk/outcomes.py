"""What became of runs: outcomes, reviews, usage, versions compared, traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypedDict, Unpack

from orchstack.kernel.plain import JsonMapping
from orchstack.sdk.models import Model
from orchstack.sdk.session import Call, Query, Session, segment

Grouping = Literal["day", "agent", "version", "key"]
_NEXT_CURSOR: Final = "orchstack-next-cursor"
_CSV: Final = "text/csv"


@dataclass(frozen=True, kw_only=True)
class Review(Model):
    """What somebody said of a run."""

    success: bool | None
    score: float | None
    label: str | None
    business_value_micro_usd: int | None
    comment: str
    revision: int
    reviewer: str
    reviewed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Outcome(Model):
    """What a run took and how it was reviewed; `measured` comes seconds after its end."""

    run_id: str
    agent: str
    version: int
    status: str
    success: bool | None
    measured: JsonMapping | None
    review: Review | None


@dataclass(frozen=True, kw_only=True)
class OutcomeDetail(Outcome):
    """An outcome with all its reviews, newest first."""

    reviews: tuple[Review, ...]


@dataclass(frozen=True, kw_only=True)
class UsageReport(Model):
    """Runs, tokens and cost by group, and their total; money in micro-dollars."""

    range: Mapping[str, str]
    group_by: str
    rows: tuple[JsonMapping, ...]
    total: JsonMapping
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Estimate(Model):
    """A figure and its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Percentiles(Model):
    """The middle, and what one in twenty and one in a hundred passes."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class VersionStats(Model):
    """How a version of an agent does."""

    version: int
    runs: int
    successes: int
    reviewed: int
    success_rate: Estimate
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
    finish_reasons: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class AgentStats(Model):
    """How the versions of an agent do, newest first."""

    agent: str
    range: Mapping[str, str]
    versions: tuple[VersionStats, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison(Model):
    """Two versions side by side; `differences` holds intervals of `b` less `a`."""

    agent: str
    range: Mapping[str, str]
    a: VersionStats
    b: VersionStats
    differences: Mapping[str, JsonMapping | None]
    verdict: str
    summary: str
    more_runs: int | None


@dataclass(frozen=True, kw_only=True)
class Trace(Model):
    """A trace in OpenTelemetry's JSON, which stands in `raw`."""


class Judgement(TypedDict, total=False):
    """What may be said of a run; `score` runs from 0 to 1, value is in micro-dollars."""

    success: bool
    score: float
    label: str
    business_value_micro_usd: int
    comment: str
    reviewer: str


class Within(TypedDict, total=False):
    """The time that is covered: 30 days unless told otherwise, 92 at most."""

    since: datetime | str | None
    until: datetime | str | None


class Chosen(Within, total=False):
    """Which outcomes are meant."""

    agent: str | None
    version: int | None
    label: str | None


class Outcomes:
    """`client.outcomes`."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def get(self, run_id: str) -> OutcomeDetail:
        """Show what is known of a run, ended or not."""
        return OutcomeDetail.of(self._get(f"/v1/runs/{segment(run_id)}/outcome", {}))

    def review(self, run_id: str, **said: Unpack[Judgement]) -> OutcomeDetail:
        """Say what you think of a run; it counts, whole, until the next review."""
        path = f"/v1/runs/{segment(run_id)}/outcome"
        _, body = self._session.call(Call(method="PUT", path=path, body=dict(said)))
        return OutcomeDetail.of(body)

    def list(self, *, limit: int | None = None, **chosen: Unpack[Chosen]) -> Iterator[Outcome]:
        """Give recorded outcomes, the last to end first, at most `limit`."""
        return map(Outcome.of, self._session.pages("/v1/outcomes", _query(chosen), limit))

    def csv(self, **chosen: Unpack[Chosen]) -> Iterator[str]:
        """Give recorded outcomes as one table of CSV, in pieces of thousands of lines."""
        cursor: str | None = None
        while True:
            text, rest = self._table("/v1/outcomes", {**_query(chosen), "cursor": cursor})
            # Every piece comes with the header, and the table has one.
            yield text if cursor is None else text.partition("\r\n")[2]
            if rest is None:
                return
            cursor = rest

    def usage(self, *, by: Grouping = "day", **within: Unpack[Within]) -> UsageReport:
        """Add up what was used."""
        return UsageReport.of(self._get("/v1/usage", {**_query(within), "group_by": by}))

    def usage_csv(self, *, by: Grouping = "day", **within: Unpack[Within]) -> str:
        """Add up what was used, as CSV."""
        return self._table("/v1/usage", {**_query(within), "group_by": by})[0]

    def stats(self, agent: str, **within: Unpack[Within]) -> AgentStats:
        """Show how the versions of an agent do."""
        return AgentStats.of(self._get(f"/v1/agents/{segment(agent)}/stats", _query(within)))

    def compare(self, agent: str, a: int, b: int, **within: Unpack[Within]) -> Comparison:
        """Compare two versions of an agent; the differences are those of `b` to `a`."""
        path = f"/v1/agents/{segment(agent)}/comparison"
        return Comparison.of(self._get(path, {**_query(within), "a": a, "b": b}))

    def trace(self, run_id: str) -> Trace:
        """Give the trace of a run and of the runs below it."""
        return Trace.of(self._get(f"/v1/runs/{segment(run_id)}/trace", {}))

    def _get(self, path: str, query: Query) -> JsonMapping:
        answer: JsonMapping = self._session.call(Call(method="GET", path=path, query=query))[1]
        return answer

    def _table(self, path: str, query: Query) -> tuple[str, str | None]:
        """Give a table, and the cursor of the rest."""
        call = Call(method="GET", path=path, query=query, accept=_CSV)

        def attempt() -> tuple[str, str | None]:
            response = self._session.open(call)
            return response.read().decode(), response.headers.get(_NEXT_CURSOR)

        return self._session.try_again(attempt)


def _query(given: Mapping[str, object]) -> dict[str, str | int | None]:
    """Name times as the API does, and write them as text."""
    named = {"since": "from", "until": "to"}
    return {named.get(name, name): _text(value) for name, value in given.items()}


def _text(value: object) -> str | int | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, int) else str(value)
