"""The functions that work on the records of runs, as API Gateway calls them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import Principal, Scope
from tests import make
from tests.functions.agent_runtime.conftest import QUESTION, Ask, Reply, handler_of


@pytest.fixture
def run_id(ask: Ask) -> str:
    """A run that is over."""
    return str(ask({"input": QUESTION}).body["id"])


@pytest.fixture
def call(caller: Principal) -> Ask:
    """Call a function with any method, whole or streamed."""

    def send(function: str, method: str = "GET", *, by: Principal = caller, **parts: Any) -> Reply:
        event = make.rest_event(method, caller=by, **parts)
        answer = handler_of(function)(event, make.LambdaContext(remaining_ms=60_000))
        if isinstance(answer, dict):
            return Reply(answer["statusCode"], answer["headers"], answer["body"])
        head, *chunks = answer
        return Reply(head["statusCode"], head["headers"], "".join(chunks))

    return send


def told(reply: Reply) -> list[dict[str, str]]:
    """The events of a stream, without the comments."""
    return [event for event in reply.events if "id" in event]


def test_steps_are_listed_and_shown(call: Ask, run_id: str) -> None:
    """Page by page, and one by one; a number that is none is not valid."""
    first = call("list_steps", run_id=run_id, query={"limit": "3"}).body
    cursor = first["next_cursor"]
    rest = call("list_steps", run_id=run_id, query={"cursor": cursor}).body
    step = call("get_step", run_id=run_id, seq="3").body

    assert list(range(1, 8)) == [s["seq"] for s in first["items"] + rest["items"]]
    assert first["items"][2] == step
    assert ("tool", "391") == (step["kind"], step["work"]["content"])
    assert 404 == call("get_step", run_id=run_id, seq="99").status
    assert 400 == call("get_step", run_id=run_id, seq="0").status
    assert 404 == call("list_steps", run_id=str(uuid4())).status


def test_a_run_is_followed(call: Ask, ask: Ask) -> None:
    """As its caller was streamed it, from the beginning or from behind any event."""
    live = ask({"input": QUESTION, "mode": "stream"})
    run_id = live.headers["OrchStack-Run-Id"]
    whole = call("stream_run_events", run_id=run_id)
    ids = [event["id"] for event in live.events]
    header = {"Last-Event-ID": ids[3]}

    assert (200, "text/event-stream") == (whole.status, whole.headers["Content-Type"])
    assert live.events == told(whole)
    assert live.events[4:] == told(call("stream_run_events", run_id=run_id, headers=header))
    after = call("stream_run_events", run_id=run_id, query={"after": ids[-2]}, headers={})
    assert [ids[-1]] == [event["id"] for event in told(after)]


def test_only_wanted_events_are_told(call: Ask, run_id: str) -> None:
    """Named with commas between them; a name that is none is refused."""
    query = {"types": "tool.completed,run.completed"}
    names = [e["event"] for e in told(call("stream_run_events", run_id=run_id, query=query))]

    assert ["tool.completed", "run.completed"] == names
    assert 400 == call("stream_run_events", run_id=run_id, query={"types": "tool"}).status


@pytest.mark.parametrize("place", ["3", "3.1", "a.b.c", "-1.0.0", "3.1.7.9", "٣.1.7"])
def test_a_garbled_place_is_refused(call: Ask, run_id: str, place: str) -> None:
    """Before there is a stream, in the header as in the query."""
    header = call("stream_run_events", run_id=run_id, headers={"Last-Event-ID": place})
    query = call("stream_run_events", run_id=run_id, query={"after": place})

    assert (400, "header.Last-Event-ID") == (header.status, header.body["faults"][0]["path"])
    assert (400, "query.after") == (query.status, query.body["faults"][0]["path"])


def test_a_run_is_replayed(call: Ask, run_id: str) -> None:
    """All of it is decided as it was, and nothing is kept of that."""
    before = call("get_run", run_id=run_id).body
    report = call("replay_run", "POST", run_id=run_id).body

    assert (True, None) == (report["identical"], report["first_difference"])
    assert [2, 3, 5, 7] == [decision["seq"] for decision in report["decisions"]]
    assert report == call("replay_run", "POST", run_id=run_id).body
    assert before == call("get_run", run_id=run_id).body


def fork(call: Ask, run_id: str, body: dict[str, Any], **headers: str) -> Reply:
    """Fork a run."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call("fork_run", "POST", run_id=run_id, body=body, headers=named)


def test_a_run_is_forked_and_compared(call: Ask, run_id: str) -> None:
    """With another result of its tool: that is where the two part."""
    changed = {"from_step": 3, "tool_result": {"content": "392"}}
    forked = fork(call, run_id, changed).body
    diff = call("diff_runs", run_id=run_id, query={"other": forked["id"]}).body
    first = diff["first_divergence"]

    assert ({"run_id": run_id, "step": 5, "changed": [3, 4]}, "completed") == (
        forked["forked_from"],
        forked["status"],
    )
    assert "392" in forked["output"]
    assert (3, 3, "calculator", ["content"]) == (
        first["a"],
        first["b"],
        first["name"],
        [change["field"] for change in first["changes"]],
    )
    assert any(line.startswith("+") and "392" in line for line in diff["output"])
    assert call("replay_run", "POST", run_id=forked["id"]).body["identical"]


def test_a_fork_is_streamed_and_made_once_by_its_key(call: Ask, run_id: str) -> None:
    """From its beginning, with what it took over."""
    streamed = fork(call, run_id, {"from_step": 5, "mode": "stream"}, Idempotency_Key="f1")
    again = fork(call, run_id, {"from_step": 5, "mode": "stream"}, Idempotency_Key="f1")
    other = fork(call, run_id, {"from_step": 2, "mode": "stream"}, Idempotency_Key="f1")
    names = [event["event"] for event in streamed.events]

    assert ("run.started", "run.completed") == (names[0], names[-1])
    assert 1 == names.count("tool.completed")
    assert (streamed.events, "true") == (again.events, again.headers["Idempotency-Replayed"])
    assert 422 == other.status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"from_step": 99}, 422),
        ({"from_step": 2, "tool_result": {"content": "x"}}, 422),
        ({"from_step": 0}, 422),
        ({"from_step": 1, "surprise": 1}, 422),
        ({"from_step": 1, "model": "no model"}, 422),
        ({"from_step": 1, "input": "x" * 40_000}, 413),
        ({}, 422),
    ],
    ids=str,
)
def test_a_fork_that_cannot_be_is_refused(
    call: Ask, get: Ask, run_id: str, body: dict[str, Any], status: int
) -> None:
    """With its faults, and without a run."""
    reply = fork(call, run_id, body)

    assert status == reply.status
    assert 1 == len(get("list_runs").body["items"])


def test_a_run_is_erased(call: Ask, run_id: str, caller: Principal, database: Database) -> None:
    """Its texts are gone, its figures stay; it is announced once, however often it is asked for."""
    before = call("get_run", run_id=run_id).body
    erased = call("erase_run", "DELETE", run_id=run_id)
    again = call("erase_run", "DELETE", run_id=run_id)
    after = call("get_run", run_id=run_id).body
    with database.transaction(caller.tenant_id) as tx:
        events = tx.all(
            "select event from app.outbox where event ->> 'type' = 'agent_runtime.RunErased.v1'"
        )
        audit = tx.all("select action from app.audit_entries where action = 'run.erase'")

    assert (200, erased.body) == (again.status, again.body)
    assert (("", ""), before["usage"]) == ((after["input"], after["output"]), after["usage"])
    texts = ("text", "content", "output")
    assert "17 * 23" not in str(after)
    assert {""} == {step["work"].get(text, "") for step in after["steps"] for text in texts}
    assert (1, 1) == (len(events), len(audit))


def test_what_was_erased_is_gone(call: Ask, run_id: str) -> None:
    """For all that would need its texts."""
    call("erase_run", "DELETE", run_id=run_id)
    replies = [
        call("stream_run_events", run_id=run_id),
        call("replay_run", "POST", run_id=run_id),
        fork(call, run_id, {"from_step": 1}),
        call("diff_runs", run_id=run_id, query={"other": run_id}),
    ]

    assert [(410, "gone")] * 4 == [(reply.status, reply.body["code"]) for reply in replies]


@pytest.mark.parametrize(
    ("function", "method", "scope"),
    [
        ("list_steps", "GET", Scope.RUNS_READ),
        ("get_step", "GET", Scope.RUNS_READ),
        ("stream_run_events", "GET", Scope.RUNS_READ),
        ("replay_run", "POST", Scope.RUNS_READ),
        ("diff_runs", "GET", Scope.RUNS_READ),
        ("fork_run", "POST", Scope.RUNS_WRITE),
        ("erase_run", "DELETE", Scope.RUNS_WRITE),
    ],
)
def test_each_wants_its_scope(
    call: Ask, run_id: str, function: str, method: str, scope: Scope
) -> None:
    """And shows another tenant nothing."""
    given: dict[str, Any] = {"run_id": run_id, "query": {"other": run_id}}
    given |= {"seq": "1"} if function == "get_step" else {}
    given |= {"body": {"from_step": 1}} if function == "fork_run" else {}
    if function != "diff_runs":
        del given["query"]
    lacking = make.principal(scopes=frozenset(Scope) - {scope, Scope.PLATFORM_ADMIN})

    assert 403 == call(function, method, by=lacking, **given).status
    assert 404 == call(function, method, by=make.principal(), **given).status
