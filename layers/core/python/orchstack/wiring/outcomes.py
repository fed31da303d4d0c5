"""What becomes of runs, joined: outcomes, reviews, reports, traces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from orchstack.agent_runtime.adapters.outcome_reports import PostgresReports
from orchstack.agent_runtime.adapters.outcomes import PostgresOutcomes
from orchstack.agent_runtime.adapters.postgres import PostgresJournal
from orchstack.kernel.aws import secret_text
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.queues import Delivery
from orchstack.kernel.settings import TelemetrySettings, load
from orchstack.wiring.database import database

if TYPE_CHECKING:
    from orchstack.agent_runtime.service.comparison import VersionComparison
    from orchstack.agent_runtime.service.exporting import TraceExporter
    from orchstack.agent_runtime.service.outcomes import OutcomeTracker
    from orchstack.agent_runtime.service.reviewing import Reviewing
    from orchstack.agent_runtime.service.tracing import RunTraces
    from orchstack.agent_runtime.service.usage import Usage


@cache
def tracker() -> OutcomeTracker:
    """What takes in how runs ended."""
    from orchstack.agent_runtime.adapters.emf import EmfMetrics
    from orchstack.agent_runtime.service.outcomes import OutcomeTracker
    from orchstack.wiring.control_plane import canary_watch

    return OutcomeTracker(
        runs=PostgresJournal(database()),
        outcomes=PostgresOutcomes(database()),
        canaries=canary_watch(),
        metrics=EmfMetrics(),
    )


def record(deliveries: Iterable[Delivery]) -> list[str]:
    """Take in ended runs, and wake the relay if the watch over canaries announced anything."""
    try:
        return tracker().take_in(deliveries)
    finally:
        if database().take_announced():
            from orchstack.wiring.event_bus import nudge

            nudge().nudge()


@cache
def reviewing() -> Reviewing:
    """The outcomes, read and judged."""
    from orchstack.agent_runtime.service.reviewing import Reviewing

    return Reviewing(
        runs=PostgresJournal(database()),
        outcomes=PostgresOutcomes(database()),
        clock=SystemClock(),
    )


@cache
def usage() -> Usage:
    """Usage, and how versions do."""
    from orchstack.agent_runtime.service.usage import Usage

    return Usage(reports=PostgresReports(database()))


@cache
def comparison() -> VersionComparison:
    """Two versions side by side."""
    from orchstack.agent_runtime.service.comparison import VersionComparison

    return VersionComparison(reports=PostgresReports(database()))


@cache
def tracing() -> RunTraces:
    """The traces of runs."""
    from orchstack.agent_runtime.service.tracing import RunTraces

    return RunTraces(runs=PostgresJournal(database()), clock=SystemClock())


@cache
def exporter() -> TraceExporter:
    """What sends the traces of ended runs to the operator's collector."""
    from orchstack.agent_runtime.adapters.otlp_http import OtlpCollector
    from orchstack.agent_runtime.service.exporting import TraceExporter

    settings = load(TelemetrySettings)
    return TraceExporter(
        traces=tracing(), collector=OtlpCollector(settings.endpoint, lambda: _headers(settings))
    )


def _headers(settings: TelemetrySettings) -> dict[str, str]:
    if settings.headers_secret_arn is None:
        return {}
    headers: dict[str, str] = json.loads(secret_text(settings.headers_secret_arn) or "{}")
    return headers
