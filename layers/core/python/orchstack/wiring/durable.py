"""The way to the state machine `agent_run`, for all that start or answer it."""

from __future__ import annotations

from functools import cache

from orchstack.agent_runtime.adapters.step_functions import StepFunctionsDurable
from orchstack.kernel.settings import MachineSettings, load


@cache
def durable() -> StepFunctionsDurable:
    """What starts the state machine, and answers it where it waits."""
    return StepFunctionsDurable(lambda: load(MachineSettings).machine_arn)
