"""The examples at work: tools side by side, agents that ask and hand over, answers that fit."""

from __future__ import annotations

import pytest
import yaml

from tests.cloud import Caller
from tests.house.source import ROOT

EXAMPLES = ("clerk", "reader", "triage", "extract", "research")


@pytest.fixture
def team(tenant: Caller) -> Caller:
    """A tenant with the agents of the examples, on the built-in model."""
    for name in EXAMPLES:
        document = yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text())
        reply = tenant.put(f"/v1/agents/{name}", {**document, "model": "builtin/echo"})
        assert 201 == reply.status, reply
    return tenant


def test_another_agent_takes_the_conversation_over(team: Caller) -> None:
    """Its own tools answer; the caller is told who goes on, and one run tells it all."""
    words = '@hand_off_to_clerk {"reason": "a sum"} What is 17 * 23?'
    events = list(team.stream("triage", words))
    changed = next(event.data for event in events if event.name == "agent.changed")

    assert ("clerk", "a sum") == (changed["agent"], changed["reason"])
    assert "calculator says: 391" in events[-1].data["output"]
    assert "completed" == events[-1].data["status"]


def test_an_answer_fits_its_schema(team: Caller) -> None:
    """It is given as JSON, in the types that the schema asks for."""
    run = team.run("extract", "Invoice 4711: please pay 19.50 EUR within 14 days.").body
    expected = {"number": 4711, "amount": 19.5, "currency": "EUR", "due_in_days": 14}

    assert expected == run["structured"], run


def test_a_misfit_is_mended(team: Caller) -> None:
    """What the model said first is told as it was; the second answer counts."""
    events = list(team.stream("extract", "@say I would rather not."))
    verdicts = [e.data["outcome"] for e in events if e.data.get("stage") == "schema"]

    assert ["blocked", "allowed"] == verdicts
    assert "EUR" == events[-1].data["structured"]["currency"]


def test_an_answer_that_never_fits_fails_the_run(team: Caller) -> None:
    """With its own code, and with the place of the misfit."""
    document = {
        "name": "strict",
        "instructions": "Give a code.",
        "model": "builtin/echo",
        "output_schema": {"type": "string", "pattern": "^[0-9]{6}$"},
    }
    assert 201 == team.put("/v1/agents/strict", document).status
    run = team.run("strict", "Hello!").body

    assert ("failed", "invalid_output") == (run["status"], run["finish_reason"])
    assert "does not match" in run["error"]["detail"]


def test_tools_and_agents_work_side_by_side(team: Caller) -> None:
    """All begin before the first is over; the other agent has a run of its own, and it counts."""
    words = '@current_time @calculator {"expression": "6 * 7"} @ask_clerk {"input": "17 * 23?"}'
    events = list(team.stream("research", words))
    names = [event.name for event in events if event.name.startswith("tool.")]
    run = team.get(f"/v1/runs/{events[-1].data['id']}").body
    steps = {s["work"]["call"]["name"]: s for s in run["steps"] if s["kind"] == "tool"}
    child = team.get(f"/v1/runs/{steps['ask_clerk']['work']['child_run_id']}").body

    assert ["tool.started"] * 3 + ["tool.completed"] * 3 == names
    assert "391" in child["output"]
    assert (run["id"], "clerk") == (child["parent_run_id"], child["agent"])
    assert steps["ask_clerk"]["usage"] == child["usage"]


def test_the_declared_order_is_kept(team: Caller) -> None:
    """What is calculated waits for what is read, whatever comes first in the answer."""
    words = '@calculator {"expression": "1 + 1"} @http_get {"url": "http://127.0.0.1/"}'
    events = list(team.stream("research", words))
    tools = [(e.name, e.data["name"]) for e in events if e.name.startswith("tool.")]

    assert [
        ("tool.started", "http_get"),
        ("tool.completed", "http_get"),
        ("tool.started", "calculator"),
        ("tool.completed", "calculator"),
    ] == tools


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"agents": [{"agent": "nobody", "kind": "tool"}]}, "nobody"),
        ({"agents": [{"agent": "twisted", "kind": "handoff"}]}, "itself"),
        ({"output_schema": {"type": "objekt"}}, "objekt"),
        ({"tool_order": [{"first": "shell", "then": "shell"}]}, "shell"),
    ],
)
def test_what_cannot_work_is_not_published(
    team: Caller, change: dict[str, object], word: str
) -> None:
    """The fault is named, before any run meets it."""
    document = {"name": "twisted", "instructions": "…", "tools": ["calculator"], **change}
    reply = team.put("/v1/agents/twisted", document)

    assert (422, "invalid_document") == (reply.status, reply.code)
    assert word in str(reply.body)
