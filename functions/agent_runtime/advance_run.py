"""Carries out the next command of a run, for the state machine `agent_run`."""

from __future__ import annotations

import time
from typing import Any, Protocol

from orchstack.agent_runtime.model.runs import RunReference
from orchstack.wiring.agent_runtime import advance


class Context(Protocol):
    """What Lambda tells of the invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Take the tenant's and the run's id; give them back with how the run stands."""
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000
    advanced = advance(RunReference.model_validate(event), deadline=deadline)
    return advanced.model_dump(mode="json")
