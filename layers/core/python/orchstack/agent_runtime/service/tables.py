"""Outcomes and usage as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from orchstack.agent_runtime.model.outcomes import Measured, OutcomeView, Review
from orchstack.agent_runtime.model.reports import UsageReport
from orchstack.kernel import csv_text
from orchstack.kernel.csv_text import Cell

_RUN: Final = ("run_id", "agent", "version", "status", "success")
_REVIEW: Final = (
    "score",
    "label",
    "business_value_micro_usd",
    "reviewer",
    "comment",
    "reviewed_at",
)
_MEASURED: Final = (
    "variant",
    "key_id",
    "mode",
    "forked",
    "nested",
    "finish_reason",
    "error_code",
    "cost_micro_usd",
    "step_count",
    "handoffs",
    "created_at",
    "finished_at",
)
_TOKENS: Final = ("input_tokens", "output_tokens")
_STAGES: Final = ("total", "router", "guard", "model", "tools", "database")
_GUARDS: Final = ("allowed", "redacted", "blocked")
_TOOLS: Final = ("ok", "failed")
OUTCOME_COLUMNS: Final = (
    *_RUN,
    *_REVIEW,
    *_MEASURED,
    *_TOKENS,
    *(f"{name}_ms" for name in _STAGES),
    *(f"guards_{name}" for name in _GUARDS),
    *(f"tools_{name}" for name in _TOOLS),
)
_USAGE: Final = (
    "day",
    "agent",
    "version",
    "key_id",
    "runs",
    "failures",
    *_TOKENS,
    "cost_micro_usd",
)


def outcome_lines(outcomes: Iterable[OutcomeView], *, with_header: bool = True) -> str:
    """Write outcomes as CSV, a line each."""
    return csv_text.write(OUTCOME_COLUMNS if with_header else (), map(_outcome, outcomes))


def usage_table(report: UsageReport) -> str:
    """Write a report of usage as CSV; the groups' names that it does not go by stay empty."""
    return csv_text.write(_USAGE, ([getattr(row, n) for n in _USAGE] for row in report.rows))


def _outcome(outcome: OutcomeView) -> Sequence[Cell]:
    run = [getattr(outcome, name) for name in _RUN]
    return [*run, *_review(outcome.review), *_measured(outcome.measured)]


def _review(review: Review | None) -> Sequence[Cell]:
    return [None if review is None else getattr(review, name) for name in _REVIEW]


def _measured(measured: Measured | None) -> Iterable[Cell]:
    if measured is None:
        return
    yield from (getattr(measured, name) for name in _MEASURED)
    yield from (getattr(measured.usage, name) for name in _TOKENS)
    yield from (getattr(measured.latency_ms, name) for name in _STAGES)
    yield from (getattr(measured.guards, name) for name in _GUARDS)
    yield from (getattr(measured.tools, name) for name in _TOOLS)
