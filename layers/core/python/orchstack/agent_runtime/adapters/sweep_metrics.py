"""Figures of sweeps for CloudWatch, in its embedded metric format: a line of JSON in the log."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Final

_NAMESPACE: Final = "OrchStack"


def _to_standard_output(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EmfSweepMetrics:
    """Emits one line a sweep."""

    def __init__(self, write: Callable[[str], None] = _to_standard_output) -> None:
        """Take where the line goes: standard output is what Lambda hands to CloudWatch."""
        self._write = write

    def swept(self, found: int, started: int) -> None:
        """Emit how many runs were adrift, and for how many of them the machine was started."""
        names = ("AdriftRuns", "RestartedRuns")
        directive = {
            "Namespace": _NAMESPACE,
            "Dimensions": [["service"]],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in names],
        }
        line = {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
            "service": "agent_runtime",
            **dict(zip(names, (found, started), strict=True)),
        }
        self._write(json.dumps(line, separators=(",", ":")))
