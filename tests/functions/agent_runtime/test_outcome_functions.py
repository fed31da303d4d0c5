"""The functions of outcomes, as API Gateway and queues call them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import uuid4

import pytest

from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import Principal
from tests import make
from tests.functions.agent_runtime.conftest import QUESTION, Ask, Reply, handler_of

ENDED = "select event from app.outbox where event ->> 'type' = 'agent_runtime.RunCompleted.v1'"


@pytest.fixture
def record(caller: Principal, database: Database) -> Any:
    """Takes in all runs that ended."""

    def take_in() -> None:
        with database.transaction(caller.tenant_id) as tx:
            rows = [
                row["event"] for row in tx.all(ENDED) if "RunStarted" not in row["event"]["type"]
            ]
        records = [
            {"messageId": str(n), "body": json.dumps({"detail": event})}
            for n, event in enumerate(rows)
        ]
        assert {"batchItemFailures": []} == handler_of("record_outcome")({"Records": records}, None)

    return take_in


@pytest.fixture
def put(caller: Principal) -> Ask:
    """Review a run."""

    def call(run_id: str, body: Any, *, reviewer: Principal = caller, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        event = make.rest_event("PUT", body=body, headers=named, caller=reviewer, run_id=run_id)
        answer = handler_of("review_run")(event, make.LambdaContext())
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    return call


def test_an_outcome_comes_after_the_runs_end(ask: Ask, get: Ask, record: Any) -> None:
    """First nothing is measured, then everything."""
    run = ask({"input": QUESTION}).body
    before = get("get_outcome", run_id=run["id"]).body
    record()
    after = get("get_outcome", run_id=run["id"]).body

    assert (None, None) == (before["measured"], before["success"])
    assert (True, {"ok": 1, "failed": 0}) == (after["success"], after["measured"]["tools"])
    assert run["usage"] == after["measured"]["usage"]
    assert after["measured"]["latency_ms"]["total"] > 0


def test_a_review_counts_and_is_kept(ask: Ask, get: Ask, put: Ask, record: Any) -> None:
    """Also before the outcome is recorded; a repeat with its key is the same review."""
    run_id = ask({"input": QUESTION}).body["id"]
    first = put(run_id, {"success": False, "score": 0.2}, Idempotency_Key="k")
    again = put(run_id, {"success": False, "score": 0.2}, Idempotency_Key="k")
    record()
    put(run_id, {"label": "odd", "reviewer": "Ann"})
    outcome = get("get_outcome", run_id=run_id).body

    assert (200, False, "true") == (
        first.status,
        first.body["success"],
        again.headers["Idempotency-Replayed"],
    )
    assert ["Ann"] + [f"key:{k}" for k in _keys(outcome)] == [
        review["reviewer"] for review in outcome["reviews"]
    ]
    assert (True, "odd") == (outcome["success"], outcome["review"]["label"])


def _keys(outcome: dict[str, Any]) -> list[str]:
    return [outcome["measured"]["key_id"]]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"score": 1.1}, 400),
        ({"score": "high"}, 400),
        ({"label": "=1"}, 400),
        ({"comment": "x" * 2_001}, 400),
        ({"verdict": "good"}, 400),
    ],
)
def test_a_review_that_makes_no_sense_is_refused(
    ask: Ask, put: Ask, body: dict[str, Any], status: int
) -> None:
    """With what is wrong; nothing of it is kept."""
    run_id = ask({"input": "hi"}).body["id"]

    assert status == put(run_id, body).status


def test_nobody_elses_run_can_be_reviewed_or_read(ask: Ask, get: Ask, put: Ask) -> None:
    """It is not there."""
    run_id = ask({"input": "hi"}).body["id"]
    stranger = make.principal()

    assert 404 == put(run_id, {"success": True}, reviewer=stranger).status
    for function in ("get_outcome", "get_trace"):
        assert 404 == get(function, run_id=run_id, reader=stranger).status
        assert 404 == get(function, run_id=str(uuid4())).status


def test_outcomes_are_listed_as_pages_and_as_a_table(
    ask: Ask, get: Ask, put: Ask, record: Any
) -> None:
    """Asked for by `format` or by the Accept header; no cell is a formula."""
    run_id = ask({"input": QUESTION}).body["id"]
    ask({"input": "hi"})
    put(run_id, {"label": "odd", "comment": "=HYPERLINK(1)", "reviewer": "@Ann"})
    record()
    page = get("list_outcomes", query={"label": "odd"}).body
    table = get("list_outcomes", query={"format": "csv"})
    (first, *_) = [row for row in _rows(table) if row["run_id"] == run_id]

    assert [run_id] == [item["run_id"] for item in page["items"]]
    assert "text/csv; charset=utf-8" == table.headers["Content-Type"]
    assert (
        2 == len(_rows(table)) == len(_rows(get("list_outcomes", headers={"Accept": "text/csv"})))
    )
    assert ("'=HYPERLINK(1)", "'@Ann", "true") == (
        first["comment"],
        first["reviewer"],
        first["success"],
    )


def _rows(table: Reply) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.text, newline="")))


def test_usage_is_reported_by_group_and_as_a_table(ask: Ask, get: Ask, record: Any) -> None:
    """The total is that of the rows."""
    runs = [ask({"input": QUESTION}).body for _ in range(2)]
    record()
    by_key = get("report_usage", query={"group_by": "key"}).body
    table = _rows(get("report_usage", query={"group_by": "version", "format": "csv"}))

    assert (1, 2) == (len(by_key["rows"]), by_key["total"]["runs"])
    assert sum(r["usage"]["input_tokens"] for r in runs) == by_key["total"]["input_tokens"]
    assert [("adder", "1", "2")] == [(r["agent"], r["version"], r["runs"]) for r in table]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-01-01", "to": "2025-01-01"},
        {"from": "2026-01-01", "to": "2026-12-01"},
        {"from": "yesterday"},
        {"from": "2026-01-01T00:00:00"},
        {"from": "1767225600"},
        {"to": "0001-01-01"},
        {"group_by": "mood"},
    ],
)
def test_a_period_that_makes_no_sense_is_refused(get: Ask, query: dict[str, str]) -> None:
    """Backwards, too long, without a zone, a mere number, beyond the calendar."""
    assert 400 == get("report_usage", query=query).status


def test_an_agents_versions_are_measured_and_compared(
    ask: Ask, get: Ask, record: Any, caller: Principal
) -> None:
    """Success with its interval; what there is too little of to tell is null."""
    from orchstack.wiring.control_plane import agents

    ask({"input": QUESTION})
    agents().publish(caller, "adder", make.agent_document(model="builtin/echo", instructions="2"))
    ask({"input": QUESTION})
    record()
    stats = get("measure_agent", agent="adder").body
    compared = get("compare_versions", agent="adder", query={"a": "1", "b": "2"}).body

    assert [2, 1] == [version["version"] for version in stats["versions"]]
    assert 1.0 == stats["versions"][0]["success_rate"]["estimate"]
    assert ("undecided", None) == (compared["verdict"], compared["differences"]["latency_ms"])
    assert 404 == get("compare_versions", agent="adder", query={"a": "1", "b": "9"}).status
    assert 400 == get("compare_versions", agent="adder", query={"a": "1", "b": "1"}).status
    assert [] == get("measure_agent", agent="nobody").body["versions"]


def test_a_trace_is_given_in_opentelemetrys_json(ask: Ask, get: Ask) -> None:
    """In the trace of the request that began the run."""
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = f"00-{trace_id}-00f067aa0ba902b7-01"
    run_id = ask({"input": QUESTION}, Traceparent=parent).body["id"]
    (group,) = get("get_trace", run_id=run_id).body["resourceSpans"]
    spans = group["scopeSpans"][0]["spans"]

    assert {trace_id} == {span["traceId"] for span in spans}
    assert ["", *[spans[0]["spanId"]] * 3] == [span["parentSpanId"] for span in spans]
    assert "execute_tool calculator" in {span["name"] for span in spans}
