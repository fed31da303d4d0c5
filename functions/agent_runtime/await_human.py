"""Keeps the token with which the state machine `agent_run` waits for a human's answer."""

from __future__ import annotations

from orchstack.agent_runtime.model.machine import Question
from orchstack.kernel.plain import JsonObject
from orchstack.wiring.agent_runtime import human_waits


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Take the run's id and the token; a run that does not wait any more answers it at once."""
    human_waits().keep(Question.model_validate(event))
    return {}
