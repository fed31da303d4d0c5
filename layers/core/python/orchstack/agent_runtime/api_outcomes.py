"""The operations on outcomes, usage and traces in the public API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, WithJsonSchema

from orchstack.agent_runtime.model.outcomes import (
    Judgement,
    Label,
    OutcomeChoice,
    OutcomeDetail,
    OutcomeView,
    Period,
    Reviewer,
)
from orchstack.agent_runtime.model.reports import AgentStats, Comparison, Grouping, UsageReport
from orchstack.agent_runtime.model.traces import Traces
from orchstack.kernel import csv_text
from orchstack.kernel.agents import AGENT_NAME, AgentName, VersionNumber
from orchstack.kernel.errors import InvalidRequest, fault_at
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.http import Idempotency, NoBody, NoQuery, Operation, Request, TextAnswer
from orchstack.kernel.ids import UUID_TEXT
from orchstack.kernel.pagination import Page, PageQuery
from orchstack.kernel.tenancy import Scope

# The longest time a report covers, and what it covers unless told otherwise.
MOST_DAYS: Final = 92
USUAL_DAYS: Final = 30
# The `cursor` of the rest of a table.
NEXT_CURSOR: Final = "OrchStack-Next-Cursor"
_RUN_PATH: Final = {"run_id": UUID_TEXT}
_DATE_LENGTH: Final = len("2026-01-01")
_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d))?", re.ASCII
)


def _moment(value: Any) -> Any:
    """Read a bare date as its beginning in UTC; pydantic alone would take any number for a time."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("write a date, or a time with its zone: 2026-01-31T18:00:00Z")
    return f"{value}T00:00:00Z" if len(value) == _DATE_LENGTH else value


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": f} for f in ("date-time", "date")]}),
]
Format = Annotated[
    Literal["json", "csv"], Field(description="`csv` answers with a table, as does its Accept.")
]


class PeriodQuery(Frozen):
    """Which time a report covers."""

    from_: Annotated[
        Moment | None,
        Field(alias="from", description=f"From this time on; else {USUAL_DAYS} days."),
    ] = None
    to: Annotated[
        Moment | None,
        Field(description=f"Up to this time, else until now; {MOST_DAYS} days at most."),
    ] = None


class OutcomesQuery(PageQuery, PeriodQuery):
    """Which outcomes, the last to end first."""

    agent: AgentName | None = None
    version: VersionNumber | None = None
    label: Label | None = None
    format: Format = "json"


class UsageQuery(PeriodQuery):
    """Which usage, added up by what."""

    group_by: Grouping = Grouping.DAY
    format: Format = "json"


class ComparisonQuery(PeriodQuery):
    """Which versions are compared."""

    a: Annotated[VersionNumber, Field(description="The version that is there already.")]
    b: Annotated[VersionNumber, Field(description="The version that would follow it.")]


class ReviewRun(Judgement):
    """What somebody says of a run: all that counts from now on, so say it whole."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    reviewer: Annotated[
        Reviewer | None, Field(description="Who says so; else the key that asks.")
    ] = None


GET_OUTCOME = Operation(
    id="get_outcome",
    method="GET",
    path="/v1/runs/{run_id}/outcome",
    summary="Show what a run took, and how it was reviewed",
    function="agent_runtime/get_outcome",
    scope=Scope.RUNS_READ,
    response=OutcomeDetail,
    body=NoBody,
    query=NoQuery,
    path_pattern=_RUN_PATH,
)

REVIEW_RUN = Operation(
    id="review_run",
    method="PUT",
    path="/v1/runs/{run_id}/outcome",
    summary="Review a run: what is said last counts, the reviews before are kept",
    function="agent_runtime/review_run",
    scope=Scope.RUNS_WRITE,
    response=OutcomeDetail,
    body=ReviewRun,
    query=NoQuery,
    idempotency=Idempotency.TRANSACTION,
    path_pattern=_RUN_PATH,
    max_body_bytes=32 * 1024,
)

LIST_OUTCOMES = Operation(
    id="list_outcomes",
    method="GET",
    path="/v1/outcomes",
    summary="List what became of runs, the last to end first",
    function="agent_runtime/list_outcomes",
    scope=Scope.RUNS_READ,
    response=Page[OutcomeView],
    body=NoBody,
    query=OutcomesQuery,
    media_types=(csv_text.MEDIA_TYPE,),
)

REPORT_USAGE = Operation(
    id="report_usage",
    method="GET",
    path="/v1/usage",
    summary="Add up runs, tokens and cost by day, agent, version or key",
    function="agent_runtime/report_usage",
    scope=Scope.RUNS_READ,
    response=UsageReport,
    body=NoBody,
    query=UsageQuery,
    media_types=(csv_text.MEDIA_TYPE,),
)

MEASURE_AGENT = Operation(
    id="measure_agent",
    method="GET",
    path="/v1/agents/{agent}/stats",
    summary="Show how the versions of an agent do",
    function="agent_runtime/measure_agent",
    scope=Scope.RUNS_READ,
    response=AgentStats,
    body=NoBody,
    query=PeriodQuery,
    path_pattern={"agent": AGENT_NAME},
)

COMPARE_VERSIONS = Operation(
    id="compare_versions",
    method="GET",
    path="/v1/agents/{agent}/comparison",
    summary="Compare two versions of an agent by their outcomes",
    function="agent_runtime/compare_versions",
    scope=Scope.RUNS_READ,
    response=Comparison,
    body=NoBody,
    query=ComparisonQuery,
    path_pattern={"agent": AGENT_NAME},
)

GET_TRACE = Operation(
    id="get_trace",
    method="GET",
    path="/v1/runs/{run_id}/trace",
    summary="Give the trace of a run and the runs below it in OpenTelemetry's JSON",
    function="agent_runtime/get_trace",
    scope=Scope.RUNS_READ,
    response=Traces,
    body=NoBody,
    query=NoQuery,
    path_pattern=_RUN_PATH,
)

OPERATIONS: Final = (
    GET_OUTCOME,
    REVIEW_RUN,
    LIST_OUTCOMES,
    REPORT_USAGE,
    MEASURE_AGENT,
    COMPARE_VERSIONS,
    GET_TRACE,
)


def period(query: PeriodQuery, now: datetime | None = None) -> Period:
    """Give the period a query asks for; raises InvalidRequest if it is empty or too long."""
    try:
        since, until = _ends(query, now or datetime.now(UTC))
        days = (until - since) / timedelta(days=1)
    except OverflowError:
        raise InvalidRequest("The period lies beyond the calendar.") from None
    if not 0 < days <= MOST_DAYS:
        fault = fault_at("query.from", f"must lie before `to`, by {MOST_DAYS} days at most")
        raise InvalidRequest("The period is not valid; see `faults`.", faults=[fault])
    return Period(since=since, until=until)


def _ends(query: PeriodQuery, now: datetime) -> tuple[datetime, datetime]:
    # A run that ends this very moment is covered too.
    until = now + timedelta(seconds=1) if query.to is None else query.to.astimezone(UTC)
    usual = until - timedelta(days=USUAL_DAYS)
    return (usual if query.from_ is None else query.from_.astimezone(UTC)), until


def wants_csv(request: Request[NoBody, OutcomesQuery] | Request[NoBody, UsageQuery]) -> bool:
    """Whether the answer is to be a table."""
    return request.query.format == "csv" or csv_text.MEDIA_TYPE in request.accept


def choice(query: OutcomesQuery) -> OutcomeChoice:
    """Give the outcomes a query asks for. Raises InvalidRequest."""
    return OutcomeChoice(
        period=period(query), agent=query.agent, version=query.version, label=query.label
    )


def as_csv(table: str, filename: str, cursor: str | None = None) -> TextAnswer:
    """Answer with a table; where it does not fit, a header says how to ask for the rest."""
    headers = {} if cursor is None else {NEXT_CURSOR: cursor}
    return TextAnswer(
        content=table, media_type=csv_text.MEDIA_TYPE, filename=filename, headers=headers
    )


def judgement(request: Request[ReviewRun, NoQuery]) -> Judgement:
    """Give what a review says. Raises InvalidRequest if it says nothing."""
    if not request.body.model_fields_set:
        raise InvalidRequest("Say something of the run: success, score, label or more.")
    return Judgement.model_validate(request.body.model_dump(exclude={"reviewer"}))
