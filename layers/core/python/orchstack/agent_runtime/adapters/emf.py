"""Figures of runs for CloudWatch, in its embedded metric format: a line of JSON in the log.

The format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Final

from orchstack.agent_runtime.model.outcomes import Outcome
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.plain import JsonObject

NAMESPACE: Final = "OrchStack"
# By service and by agent. Each metric of each agent is paid for, so the rest is by service only.
_BY_AGENT: Final = {
    "Runs": "Count",
    "FailedRuns": "Count",
    "InputTokens": "Count",
    "OutputTokens": "Count",
    "CostMicroUsd": "Count",
    "RunLatency": "Milliseconds",
}
_BY_SERVICE: Final = {
    "CancelledRuns": "Count",
    "RouterLatency": "Milliseconds",
    "GuardLatency": "Milliseconds",
    "ModelLatency": "Milliseconds",
    "ToolLatency": "Milliseconds",
    "DatabaseLatency": "Milliseconds",
    "GuardsAllowed": "Count",
    "GuardsRedacted": "Count",
    "GuardsBlocked": "Count",
    "ToolCalls": "Count",
    "FailedToolCalls": "Count",
    "Handoffs": "Count",
}


def _to_standard_output(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EmfMetrics:
    """Emits one line a run; its dimensions are the service, or the tenant and its agent."""

    def __init__(self, write: Callable[[str], None] = _to_standard_output) -> None:
        """Take where the line goes: standard output is what Lambda hands to CloudWatch."""
        self._write = write

    def measure(self, outcome: Outcome) -> None:
        """Emit the figures of one run."""
        line = {
            "_aws": {
                "Timestamp": int(outcome.finished_at.timestamp() * 1000),
                "CloudWatchMetrics": [
                    _directive([["service"], ["tenant_id", "agent"]], _BY_AGENT),
                    _directive([["service"]], _BY_SERVICE),
                ],
            },
            "service": "agent_runtime",
            "tenant_id": str(outcome.tenant_id),
            "agent": outcome.agent,
            "version": outcome.version,
            "variant": outcome.variant,
            "run_id": str(outcome.run_id),
            "finish_reason": outcome.finish_reason.value,
            **_totals(outcome),
            **_stages(outcome),
            **_counts(outcome),
        }
        self._write(json.dumps(line, separators=(",", ":")))


def _directive(dimensions: list[list[str]], units: Mapping[str, str]) -> JsonObject:
    return {
        "Namespace": NAMESPACE,
        "Dimensions": dimensions,
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }


def _totals(outcome: Outcome) -> JsonObject:
    return {
        "Runs": 1,
        "FailedRuns": int(outcome.status is RunStatus.FAILED),
        "CancelledRuns": int(outcome.status is RunStatus.CANCELLED),
        "InputTokens": outcome.usage.input_tokens,
        "OutputTokens": outcome.usage.output_tokens,
        "CostMicroUsd": outcome.cost_micro_usd,
        "RunLatency": outcome.latency_ms.total,
    }


def _stages(outcome: Outcome) -> JsonObject:
    stages = outcome.latency_ms
    return {
        "RouterLatency": stages.router,
        "GuardLatency": stages.guard,
        "ModelLatency": stages.model,
        "ToolLatency": stages.tools,
        "DatabaseLatency": stages.database,
    }


def _counts(outcome: Outcome) -> JsonObject:
    guards, tools = outcome.guards, outcome.tools
    return {
        "GuardsAllowed": guards.allowed,
        "GuardsRedacted": guards.redacted,
        "GuardsBlocked": guards.blocked,
        "ToolCalls": tools.ok + tools.failed,
        "FailedToolCalls": tools.failed,
        "Handoffs": outcome.handoffs,
    }
