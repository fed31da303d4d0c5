"""Whether an answer fits its agent's output schema."""

from __future__ import annotations

from orchstack.agent_runtime.loop import structure
from orchstack.agent_runtime.model.steps import GuardOutcome, GuardStage, GuardWork
from orchstack.kernel.json_schema import Schema, schema_fault
from orchstack.kernel.plain import JsonObject


def verdict(schema: JsonObject, seq: int, text: str) -> GuardWork:
    """Judge the answer of a step; the detail names each misfit with its JSON Pointer."""
    detail = _misfit(schema, text)
    return GuardWork(
        stage=GuardStage.SCHEMA,
        outcome=GuardOutcome.BLOCKED if detail else GuardOutcome.ALLOWED,
        concerns=seq,
        detail=detail,
    )


def _misfit(schema: JsonObject, text: str) -> str:
    fault = schema_fault(schema)
    if fault is not None:
        return f"The agent's output schema cannot be used: {fault['path']}: {fault['message']}"
    try:
        value = structure.read(text)
    except structure.NoJson as error:
        return str(error)
    return "\n".join(Schema(schema).faults(value))
