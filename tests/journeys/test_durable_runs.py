"""Runs that go on without their caller: in the background, after a death, after an answer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.cloud import Caller, Reply, RunningCloud, eventually
from tests.journeys.scripted import scripted, wish
from tests.make import agent_document

SLOW_WORDS = "one two three four five six seven eight nine ten"


def publish(tenant: Caller, **changes: Any) -> None:
    """Publish the agent `clerk`."""
    document = agent_document(name="clerk", **changes).model_dump(mode="json")
    reply = tenant.put("/v1/agents/clerk", document)
    assert reply.status in (200, 201), reply


def ended(tenant: Caller, run_id: str, *, status: str = "completed") -> dict[str, Any]:
    """The run, once it has ended; fails if it does not, or otherwise."""

    def run() -> dict[str, Any] | None:
        shown: dict[str, Any] = tenant.get(f"/v1/runs/{run_id}").body
        return shown if shown["finished_at"] else None

    shown = eventually(run, within_s=40)
    assert shown is not None, tenant.get(f"/v1/runs/{run_id}")
    assert status == shown["status"]
    return shown


def sweep(cloud: RunningCloud) -> dict[str, int]:
    """Let the sweeper run now; gives what it found and started."""
    functions = cloud.aws("lambda")
    answer = functions.invoke(FunctionName="OrchStack-dev-Services-sweep_runs", Payload=b"{}")
    swept: dict[str, int] = json.loads(answer["Payload"].read())
    return swept


def long_ago(cloud: RunningCloud, run_id: str) -> None:
    """Let nobody have held a run for a minute."""
    query = """update app.runs set lease_until = now() - interval '1 minute', wake_at = null
        where run_id = %s"""
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        connection.execute(query, [run_id])


def test_a_run_in_the_background_comes_to_its_end(tenant: Caller) -> None:
    """202 with where to look; the same key is answered with the same run."""
    publish(tenant, model="builtin/echo", tools=("calculator",))
    body = {"input": "What is 17 * 23?", "mode": "background"}
    first = tenant.post("/v1/agents/clerk/runs", body, Idempotency_Key="once")
    run = ended(tenant, first.body["id"])
    again = tenant.post("/v1/agents/clerk/runs", body, Idempotency_Key="once")

    assert (202, f"/v1/runs/{run['id']}") == (first.status, first.headers["location"])
    assert "391" in run["output"]
    assert ("background", 3) == (run["mode"], run["step_count"])
    assert (200, run["id"], "completed") == (again.status, again.body["id"], again.body["status"])


def test_a_run_whose_driver_was_killed_is_swept_up(cloud: RunningCloud, tenant: Caller) -> None:
    """The sweeper finds it, and the machine brings it to its end from the journal."""
    with scripted(cloud, SLOW_WORDS, pause_s=0.3) as (provider, model):
        publish(tenant, model=model, tools=())
        with ThreadPoolExecutor(1) as pool:
            reply = pool.submit(tenant.run, "clerk", "Count.")
            assert eventually(lambda: provider.asked)
            cloud.kill("start_run")
            assert reply.result().status in (502, 503)
        (left,) = tenant.get("/v1/runs").body["items"]
        assert "running" == left["status"]
        long_ago(cloud, left["id"])

        assert {"found": 1, "started": 1} == sweep(cloud)
        assert SLOW_WORDS == ended(tenant, left["id"])["output"]
        assert 2 == len(provider.asked)


def waiting(tenant: Caller, run_id: str) -> bool:
    """Whether a run waits for a human."""
    return bool(tenant.get(f"/v1/runs/{run_id}").body["status"] == "waiting")


def has_token(cloud: RunningCloud, run_id: str) -> bool:
    """Whether the machine waits for the run's answer."""
    query = "select task_token is not null from app.runs where run_id = %s"
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        row = connection.execute(query, [run_id]).fetchone()
    return row is not None and bool(row[0])


def executions(cloud: RunningCloud, run_id: str) -> list[tuple[str, str]]:
    """Name and status of each execution that was started for a run."""
    states = cloud.aws("stepfunctions")
    machine = cloud.output("Services", "AgentRunMachine")
    found = states.list_executions(stateMachineArn=machine, maxResults=1000)["executions"]
    return sorted((e["name"], e["status"]) for e in found if run_id in e["name"])


def test_a_human_is_waited_for_and_answers(cloud: RunningCloud, tenant: Caller) -> None:
    """The machine waits with a token, and the same execution goes on after the answer."""
    with scripted(cloud, wish("ask_human", question="May I?"), "Done.") as (provider, model):
        publish(tenant, model=model, tools=("ask_human",))
        run_id = tenant.run("clerk", "Do it.", mode="background").body["id"]
        assert eventually(lambda: waiting(tenant, run_id) and has_token(cloud, run_id))
        asked = tenant.get(f"/v1/runs/{run_id}").body["question"]
        nothing = tenant.post(f"/v1/runs/{run_id}/resume", {})
        answered = tenant.post(f"/v1/runs/{run_id}/resume", {"answer": "Yes, do."})
        run = ended(tenant, run_id)
        over = tenant.post(f"/v1/runs/{run_id}/resume", {"answer": "Or not."})

    assert ("May I?", 400, 202) == (asked, nothing.status, answered.status)
    assert "Done." == run["output"]
    assert "Yes, do." == provider.asked[-1]["messages"][-1]["content"]
    assert (409, "run_over") == (over.status, over.code)
    assert [(f"{run_id}-1", "SUCCEEDED")] == eventually(lambda: succeeded(cloud, run_id))


def succeeded(cloud: RunningCloud, run_id: str) -> list[tuple[str, str]]:
    """The executions of a run, once none is running."""
    found = executions(cloud, run_id)
    return [] if any(status == "RUNNING" for _, status in found) else found


def test_an_execution_with_a_long_history_is_replaced(cloud: RunningCloud, tenant: Caller) -> None:
    """Long before it is full another execution goes on, under a name of its own."""
    with scripted(cloud, wish("ask_human", question="May I?"), "Done.") as (_, model):
        publish(tenant, model=model, tools=("ask_human",))
        run = tenant.run("clerk", "Do it.").body
        reference = {"tenant_id": tenant_of(cloud, run["id"]), "run_id": run["id"], "start": 7}
        cloud.aws("stepfunctions").start_execution(
            stateMachineArn=cloud.output("Services", "AgentRunMachine"),
            name=f"{run['id']}-7",
            input=json.dumps({**reference, "advances": 999}),
        )
        assert eventually(lambda: has_token(cloud, run["id"]))
        tenant.post(f"/v1/runs/{run['id']}/resume", {"answer": "Yes."})
        ended(tenant, run["id"])

    names = [f"{run['id']}-7", f"{run['id']}-7-1"]
    expected = [(name, "SUCCEEDED") for name in names]
    assert expected == eventually(lambda: succeeded(cloud, run["id"]))


def tenant_of(cloud: RunningCloud, run_id: str) -> str:
    """The id of the tenant that a run belongs to."""
    query = "select tenant_id::text from app.runs where run_id = %s"
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        row = connection.execute(query, [run_id]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_stream_ends_with_a_question_and_goes_on_with_the_answer(
    cloud: RunningCloud, tenant: Caller
) -> None:
    """Inline too a human can be asked: the caller brings the answer and the rest is streamed."""
    with scripted(cloud, wish("ask_human", question="Which?"), "The red one.") as (_, model):
        publish(tenant, model=model, tools=("ask_human",))
        told = list(tenant.stream("clerk", "Choose."))
        run_id = told[0].data["run_id"]
        reply = tenant.post(f"/v1/runs/{run_id}/resume", {"answer": "Red.", "mode": "wait"})

    assert ("run.waiting", "Which?") == (told[-1].name, told[-1].data["question"])
    assert (200, "The red one.") == (reply.status, reply.body["output"])


def test_a_caller_that_hangs_up_takes_nothing_with_him(cloud: RunningCloud, tenant: Caller) -> None:
    """Mid-stream: the run goes on to its end."""
    with scripted(cloud, SLOW_WORDS, pause_s=0.1) as (provider, model):
        publish(tenant, model=model, tools=())
        events = tenant.stream("clerk", "Count.")
        run_id = next(events).data["run_id"]
        events.close()

        assert SLOW_WORDS == ended(tenant, run_id)["output"]
        assert 1 == len(provider.asked)


@pytest.mark.parametrize("mode", ["wait", "background"])
def test_runs_of_a_session_take_turns(cloud: RunningCloud, tenant: Caller, mode: str) -> None:
    """Asked at once, each hears what was said in all before it."""
    session = str(uuid4())
    with scripted(cloud, "Noted.", pause_s=0.2) as (provider, model):
        publish(tenant, model=model, tools=())

        def ask(text: str) -> Reply:
            return tenant.run("clerk", text, session_id=session, mode=mode)

        with ThreadPoolExecutor(3) as pool:
            replies = list(pool.map(ask, ["a", "b", "c"]))
        for reply in replies:
            ended(tenant, reply.body["id"])
        lengths = sorted(len(asked["messages"]) for asked in provider.asked)

    assert {200 if mode == "wait" else 202} == {reply.status for reply in replies}
    assert [2, 4, 6] == lengths


def test_a_busy_session_refuses_where_its_agent_says_so(
    cloud: RunningCloud, tenant: Caller
) -> None:
    """409 with the run that is under way, and nothing is kept."""
    session = str(uuid4())
    with scripted(cloud, SLOW_WORDS, pause_s=0.2) as (_, model):
        publish(tenant, model=model, tools=(), session_policy="refuse")
        first = tenant.run("clerk", "Count.", session_id=session, mode="background").body["id"]
        refused = tenant.run("clerk", "And?", session_id=session)
        ended(tenant, first)

    assert (409, "session_busy") == (refused.status, refused.code)
    assert first in refused.body["detail"]
    assert 1 == len(tenant.get("/v1/runs").body["items"])
