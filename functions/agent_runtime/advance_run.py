"""Carries out the next command of a run, for the state machine `agent_run`."""

from __future__ import annotations

from orchstack.agent_runtime.model.machine import RunReference
from orchstack.kernel.invocation import LambdaContext, deadline_of
from orchstack.kernel.plain import JsonObject
from orchstack.wiring.agent_runtime import advance


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Take the tenant's and the run's id; give them back with how the run stands."""
    advanced = advance(RunReference.model_validate(event), deadline=deadline_of(context))
    return advanced.model_dump(mode="json")
