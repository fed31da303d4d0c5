"""The functions beside start_run, as Lambda calls them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import NotFound
from orchstack.kernel.tenancy import Principal
from tests import make
from tests.functions.agent_runtime.conftest import QUESTION, Ask, handler_of


def test_runs_are_listed(ask: Ask, get: Ask) -> None:
    """By page, agent and status."""
    ids = {ask({"input": "hi"}).body["id"] for _ in range(3)}
    page = get("list_runs", query={"limit": "2", "agent": "adder", "status": "completed"}).body
    rest = get("list_runs", query={"cursor": page["next_cursor"]}).body

    assert ids == {run["id"] for run in page["items"] + rest["items"]}
    assert [] == get("list_runs", query={"status": "failed"}).body["items"]
    assert 400 == get("list_runs", query={"status": "sideways"}).status


def test_a_run_is_shown_with_its_journal(ask: Ask, get: Ask) -> None:
    """Each step with its kind; another tenant finds nothing."""
    run_id = ask({"input": QUESTION}).body["id"]
    detail = get("get_run", run_id=run_id).body
    kinds = [step["kind"] for step in detail["steps"]]

    assert ["guard", "model", "tool", "guard", "model", "guard", "finish"] == kinds
    assert 404 == get("get_run", run_id=run_id, reader=make.principal()).status
    assert 404 == get("get_run", run_id=str(uuid4())).status
    assert 400 == get("get_run", run_id="not-an-id").status


def advance(reference: dict[str, Any]) -> dict[str, Any]:
    """Call advance_run as the state machine does."""
    answer: dict[str, Any] = handler_of("advance_run")(reference, make.LambdaContext())
    return answer


@pytest.mark.usefixtures("caller")
def test_a_machine_is_told_of_an_unknown_run() -> None:
    """By the error's name, which the machine can catch."""
    with pytest.raises(NotFound):
        advance({"tenant_id": str(uuid4()), "run_id": str(uuid4())})


def test_outcomes_are_recorded(
    ask: Ask, caller: Principal, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the events of the outbox; a message that cannot be read alone is delivered again."""
    ask({"input": QUESTION})
    with database.transaction(caller.tenant_id) as tx:
        rows = tx.all(
            "select event from app.outbox where event ->> 'type' = 'agent_runtime.RunCompleted.v1'"
        )
    relayed = {"detail-type": "agent_runtime.RunCompleted.v1", "detail": rows[0]["event"]}
    records = [
        {"messageId": "good", "body": json.dumps(relayed)},
        {"messageId": "bad", "body": "{}"},
        {"messageId": "twice", "body": json.dumps(relayed)},
    ]
    answer = handler_of("record_outcome")({"Records": records}, None)
    with database.transaction(caller.tenant_id) as tx:
        kept = tx.all("select status, step_count from app.outcomes")

    assert {"batchItemFailures": [{"itemIdentifier": "bad"}]} == answer
    assert [{"status": "completed", "step_count": 3}] == kept
    assert 1 == capsys.readouterr().out.count('"_aws"')
