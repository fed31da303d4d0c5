"""Whether an answer fits its agent's output schema."""

from __future__ import annotations

from orchstack.agent_runtime.loop import structure
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardStage,
    GuardWork,
    ModelWork,
    Step,
)
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.json_schema import Schema, schema_fault
from orchstack.kernel.plain import JsonObject


def verdicts(document: AgentDocument, step: Step) -> tuple[GuardWork, ...]:
    """Judge an answer, if its agent has an output schema and it is one that could end the run.

    The detail names each misfit with its JSON Pointer.
    """
    work, schema = step.work, document.output_schema
    if not isinstance(work, ModelWork) or schema is None or work.tool_calls:
        return ()
    # What the provider itself held back is no answer.
    if work.finish_reason not in {"stop", "length"}:
        return ()
    detail = _misfit(schema, work.text)
    outcome = GuardOutcome.BLOCKED if detail else GuardOutcome.ALLOWED
    stage = GuardStage.SCHEMA
    return (GuardWork(stage=stage, outcome=outcome, concerns=step.seq, detail=detail),)


def _misfit(schema: JsonObject, text: str) -> str:
    fault = schema_fault(schema)
    if fault is not None:
        return f"The agent's output schema cannot be used: {fault['path']}: {fault['message']}"
    try:
        value = structure.read(text)
    except structure.NoJson as error:
        return str(error)
    return "\n".join(Schema(schema).faults(value))
