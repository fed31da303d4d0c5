"""One agent run through every stage: edge, router, loop, tools, guards, stream, outcome, audit."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest

from tests.cloud import Caller, eventually
from tests.make import agent_document

QUESTION = "What is 17 * 23?"


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent that has the calculator."""
    document = agent_document(name="clerk", tools=("calculator", "current_time"))
    reply = tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    assert 201 == reply.status, reply
    return tenant


def test_a_waiting_caller_gets_the_whole_run(clerk: Caller) -> None:
    """`mode: wait` answers with the run: output, usage, cost and latency by stage."""
    reply = clerk.run("clerk", QUESTION)

    assert 200 == reply.status
    assert "completed" == reply.body["status"]
    assert "391" in reply.body["output"]
    assert reply.body["usage"]["output_tokens"] > 0
    assert reply.body["latency_ms"]["total"] > 0


def test_a_streaming_caller_sees_the_run_happen(clerk: Caller) -> None:
    """`mode: stream` gives each event its place and streams what it stores."""
    events = list(clerk.stream("clerk", QUESTION))
    names = [event.name for event in events]
    text = "".join(e.data["text"] for e in events if e.name == "text.delta")

    assert ["0.1.0", "1.1.0", "2.1.0"] == [event.id for event in events[:3]]
    assert "run.started" == names[0]
    assert names.index("tool.started") < names.index("tool.completed") < names.index("text.delta")
    assert "run.completed" == names[-1]
    assert text == events[-1].data["output"]


def test_the_run_is_on_record(clerk: Caller) -> None:
    """The run can be listed and read with its journal, and is nobody else's."""
    run = clerk.run("clerk", QUESTION).body
    detail = clerk.get(f"/v1/runs/{run['id']}").body

    assert [run["id"]] == [item["id"] for item in clerk.get("/v1/runs").body["items"]]
    assert {"model", "tool"} <= {step["work"]["kind"] for step in detail["steps"]}
    assert QUESTION == detail["input"]


def test_every_act_has_its_audit_entry(clerk: Caller) -> None:
    """Two model calls, one tool call and the guard's decisions are each one audit entry."""
    clerk.run("clerk", QUESTION)
    entries = clerk.get("/v1/audit?limit=100").body["items"]
    actions = Counter(entry["action"].split(".")[0] for entry in entries)

    assert 2 == actions["model"]
    assert 1 == actions["tool"]
    assert actions["guard"] >= 1
    assert {"agent", "run"} <= set(actions)


def test_the_events_reach_the_bus(clerk: Caller) -> None:
    """RunStarted and RunCompleted are relayed through EventBridge within seconds."""
    run = clerk.run("clerk", QUESTION).body

    def told() -> set[str]:
        page = clerk.get(f"/v1/events?limit=100&subject=runs/{run['id']}").body
        return {event["type"] for event in page["items"]}

    expected = {"agent_runtime.RunStarted.v1", "agent_runtime.RunCompleted.v1"}
    assert expected == eventually(lambda: told() if told() == expected else None)


def test_a_session_remembers(clerk: Caller) -> None:
    """A second run in a session is told what was said in the first."""
    session = str(uuid4())
    first = clerk.run("clerk", "What is 2 + 2?", session_id=session).body
    second = clerk.run("clerk", "What is 3 + 3?", session_id=session).body

    assert session == first["session_id"] == second["session_id"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def test_personal_data_is_redacted_both_ways(clerk: Caller) -> None:
    """An e-mail address in the input reaches neither the model, nor the answer, nor the record."""
    reply = clerk.run("clerk", "My address is jane.doe@example.com, please repeat it.")
    detail = clerk.get(f"/v1/runs/{reply.body['id']}")

    assert "jane.doe" not in str(reply.body)
    assert "jane.doe" not in str(detail.body)
    assert "[EMAIL]" in detail.body["input"]


def test_the_same_key_gives_the_same_run(clerk: Caller) -> None:
    """A repeated request with its Idempotency-Key replays the run; another body is refused."""
    key = str(uuid4())
    body = {"input": QUESTION}
    path = "/v1/agents/clerk/runs"
    first = clerk.post(path, body, Idempotency_Key=key)
    again = clerk.post(path, body, Idempotency_Key=key)
    other = clerk.post(path, {"input": "What is 1 + 1?"}, Idempotency_Key=key)

    assert first.body["id"] == again.body["id"]
    assert first.body["output"] == again.body["output"]
    assert (422, "idempotency_key_reused") == (other.status, other.code)


def test_a_rollback_moves_the_live_alias(clerk: Caller) -> None:
    """`live` moves with each publication and back on request; versions never change."""
    second = agent_document(name="clerk", instructions="Answer in one word.")
    clerk.put("/v1/agents/clerk", second.model_dump(mode="json"))
    before = clerk.run("clerk", "Hello").body["version"]
    clerk.put("/v1/agents/clerk/aliases/live", {"version": 1})

    assert 2 == before
    assert 1 == clerk.run("clerk", "Hello").body["version"]


def test_limits_are_told_on_each_answer(clerk: Caller) -> None:
    """Each answer carries the RateLimit headers of the draft."""
    headers = clerk.get("/v1/agents").headers

    assert "q=" in headers["ratelimit-policy"]
    assert "r=" in headers["ratelimit"]
