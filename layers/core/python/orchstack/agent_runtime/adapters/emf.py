"""Figures of runs for CloudWatch, in its embedded metric format: a line of JSON in the log.

The format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

from orchstack.agent_runtime.model.events import Outcome
from orchstack.agent_runtime.model.steps import RunStatus

NAMESPACE: Final = "OrchStack"
_UNITS: Final = {
    "Runs": "Count",
    "FailedRuns": "Count",
    "InputTokens": "Count",
    "OutputTokens": "Count",
    "CostMicroUsd": "Count",
    "RunLatency": "Milliseconds",
}


def _to_standard_output(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EmfMetrics:
    """Emits one line a run, with the tenant and its agent as dimensions."""

    def __init__(self, write: Callable[[str], None] = _to_standard_output) -> None:
        """Take where the line goes: standard output is what Lambda hands to CloudWatch."""
        self._write = write

    def measure(self, outcome: Outcome) -> None:
        """Emit the figures of one run."""
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["service"], ["tenant_id", "agent"]],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()],
        }
        line = {
            "_aws": {
                "Timestamp": int(outcome.finished_at.timestamp() * 1000),
                "CloudWatchMetrics": [directive],
            },
            "service": "agent_runtime",
            "tenant_id": str(outcome.tenant_id),
            "agent": outcome.agent,
            "version": outcome.version,
            "run_id": str(outcome.run_id),
            "finish_reason": outcome.finish_reason.value,
            "Runs": 1,
            "FailedRuns": int(outcome.status is RunStatus.FAILED),
            "InputTokens": outcome.usage.input_tokens,
            "OutputTokens": outcome.usage.output_tokens,
            "CostMicroUsd": outcome.cost_micro_usd,
            "RunLatency": outcome.latency_ms,
        }
        self._write(json.dumps(line, separators=(",", ":")))
