"""The function that cancels runs, as Lambda calls it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from orchstack.agent_runtime.model.runs import Ask as AgentAsk
from orchstack.kernel.tenancy import Principal
from orchstack.wiring.agent_runtime import runtime
from tests import make
from tests.functions.agent_runtime.conftest import QUESTION, Ask, handler_of


def cancelled(caller: Principal, run_id: str) -> tuple[int, Any]:
    """Cancel a run; gives status and body."""
    event = make.rest_event("POST", body={}, caller=caller, run_id=run_id)
    answer = handler_of("cancel_run")(event, make.LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def test_what_is_over_is_refused(ask: Ask, caller: Principal) -> None:
    """And what nobody knows is not found."""
    status, body = cancelled(caller, ask({"input": QUESTION}).body["id"])

    assert (409, "run_over") == (status, body["code"])
    assert 404 == cancelled(caller, str(uuid4()))[0]
    assert 400 == cancelled(caller, "not-an-id")[0]


def test_a_run_whose_driver_is_busy_is_shown_as_it_stands(get: Ask, caller: Principal) -> None:
    """It is marked, and its driver ends it with the next thing that it writes."""
    question = AgentAsk(agent="adder", text=QUESTION)
    started = runtime().start(caller, question, key=None, deadline=make.NOW.timestamp() * 2)
    status, body = cancelled(caller, str(started.run_id))
    events = [event.name for event in started.events]

    assert (200, "running") == (status, body["status"])
    assert "run.cancelled" == events[-1]
    assert "cancelled" == get("get_run", run_id=str(started.run_id)).body["status"]
