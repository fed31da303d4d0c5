"""What becomes of a run, over the whole cloud: recorded, reviewed, added up, compared, traced."""

from __future__ import annotations

import csv
import importlib
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner, Result

from orchstack.cli.app import app
from tests.cloud import Caller, RunningCloud, eventually
from tests.make import agent_document

QUESTION = "What is 17 * 23?"


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent that has the calculator."""
    tenant.put("/v1/agents/clerk", agent_document(name="clerk").model_dump(mode="json"))
    return tenant


def orchstack(caller: Caller, *words: str) -> Result:
    """Run the command as the caller."""
    result = CliRunner().invoke(app, ["--url", caller.url, "--key", caller.key, *words])
    assert 0 == result.exit_code, result.output
    return result


def measured(caller: Caller, run_id: str) -> dict[str, Any]:
    """The outcome of a run, once its end was taken in."""

    def known() -> dict[str, Any]:
        outcome: dict[str, Any] = caller.get(f"/v1/runs/{run_id}/outcome").body
        return outcome if outcome["measured"] else {}

    return eventually(known, within_s=30)


def test_a_run_is_measured_and_reviewed(clerk: Caller) -> None:
    """The review may come first; it counts, is announced and audited."""
    run = clerk.run("clerk", QUESTION).body
    orchstack(clerk, "runs", "review", run["id"], "--failure", "--score", "0.25", "--label", "odd")
    outcome = measured(clerk, run["id"])
    subject = quote(f"runs/{run['id']}")
    events = f"/v1/events?type=agent_runtime.OutcomeReviewed.v1&subject={subject}"
    (event,) = eventually(lambda: clerk.get(events).body["items"], within_s=30)
    audit = clerk.get(f"/v1/audit?action=outcome.review&subject={subject}").body["items"]

    assert (False, 0.25) == (outcome["success"], outcome["review"]["score"])
    assert (1, run["usage"]) == (outcome["measured"]["tools"]["ok"], outcome["measured"]["usage"])
    assert ("odd", 1) == (event["data"]["label"], len(audit))
    assert [run["id"]] == [
        item["run_id"] for item in clerk.get("/v1/outcomes?label=odd").body["items"]
    ]


def test_usage_and_outcomes_can_be_taken_along(clerk: Caller) -> None:
    """As tables, from the command line."""
    runs = [clerk.run("clerk", QUESTION).body for _ in range(3)]
    for run in runs:
        measured(clerk, run["id"])
    outcomes = _rows(orchstack(clerk, "outcomes", "--csv"))
    usage = _rows(orchstack(clerk, "usage", "--by", "agent", "--csv"))

    assert {run["id"] for run in runs} == {row["run_id"] for row in outcomes}
    assert [("clerk", "3")] == [(row["agent"], row["runs"]) for row in usage]
    assert sum(run["usage"]["output_tokens"] for run in runs) == int(usage[0]["output_tokens"])


def _rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_two_versions_are_told_apart(clerk: Caller) -> None:
    """By what people said of their runs, with an interval around it."""
    second = agent_document(name="clerk", instructions="Answer in one word.")
    ids = [clerk.run("clerk", QUESTION).body["id"] for _ in range(12)]
    clerk.put("/v1/agents/clerk", second.model_dump(mode="json"))
    ids += [clerk.run("clerk", QUESTION).body["id"] for _ in range(12)]
    for number, run_id in enumerate(ids):
        clerk.put(f"/v1/runs/{run_id}/outcome", {"success": number >= 12})
    for run_id in ids:
        measured(clerk, run_id)
    compared = clerk.get("/v1/agents/clerk/comparison?a=1&b=2").body
    shown = orchstack(clerk, "agents", "stats", "clerk").output

    assert ("b", 12) == (compared["verdict"], compared["a"]["reviewed"])
    assert 0 < compared["differences"]["success_rate"]["low"] < 1
    assert compared["summary"].startswith("B is better")
    assert "100.0%" in shown


def test_a_run_leaves_a_trace_and_a_tree(clerk: Caller) -> None:
    """In OpenTelemetry's JSON for programs, with bars for people."""
    service = importlib.import_module("opentelemetry.proto_json.collector.trace.v1.trace_service")
    run = clerk.run("clerk", QUESTION).body
    trace = clerk.get(f"/v1/runs/{run['id']}/trace").body
    read = service.ExportTraceServiceRequest.from_json(json.dumps(trace))
    names = [span.name for span in read.resource_spans[0].scope_spans[0].spans]
    tree = orchstack(clerk, "runs", "show", run["id"], "--tree").output

    assert "invoke_agent clerk" == names[0]
    assert {"chat default", "execute_tool calculator"} <= set(names)
    assert "calculator(" in tree
    assert "█" in tree


def test_an_erased_run_keeps_its_figures_and_no_words(clerk: Caller) -> None:
    """What a reviewer wrote goes with the run's texts; how it was judged stays."""
    run_id = clerk.run("clerk", QUESTION).body["id"]
    clerk.put(f"/v1/runs/{run_id}/outcome", {"score": 0.5, "comment": "Jane Doe was happy."})
    cost = measured(clerk, run_id)["measured"]["cost_micro_usd"]
    clerk.delete(f"/v1/runs/{run_id}")
    outcome = clerk.get(f"/v1/runs/{run_id}/outcome").body

    assert (0.5, cost) == (outcome["review"]["score"], outcome["measured"]["cost_micro_usd"])
    assert "Jane" not in str(outcome)


def test_each_run_is_measured_for_dashboards_once(cloud: RunningCloud, clerk: Caller) -> None:
    """One line in CloudWatch's metric format, with stages and counts."""
    run = clerk.run("clerk", QUESTION).body
    measured(clerk, run["id"])
    lines = Path(cloud.state["log_file"]).read_text("utf-8").splitlines()
    figures = [line for line in lines if run["id"] in line and "ToolCalls" in line]

    assert 1 == len(figures)
