"""Runs that go on without their caller, through the functions as they are called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import Principal
from orchstack.wiring.control_plane import agents
from tests import make
from tests.conftest import forget_wiring
from tests.contract.agent_runtime.states_stub import StatesStub, running
from tests.functions.agent_runtime.conftest import QUESTION, Ask, Reply, handler_of

Advance = Callable[[str], list[str]]


@pytest.fixture
def states(function_environment: pytest.MonkeyPatch) -> Iterator[StatesStub]:
    """Step Functions, as the functions find it."""
    with running() as stub:
        for name, value in stub.environment.items():
            function_environment.setenv(name, value)
        yield stub


@pytest.fixture
def advance(caller: Principal) -> Advance:
    """Carry a run on as the state machine does; gives how it stood after each command."""

    def call(run_id: str) -> list[str]:
        state: dict[str, Any] = {"tenant_id": str(caller.tenant_id), "run_id": run_id, "start": 1}
        told: list[str] = []
        while not told or told[-1] == "running":
            state = handler_of("advance_run")(state, make.LambdaContext())
            told.append(state["status"])
        return told

    return call


def test_the_background_is_accepted(
    ask: Ask, get: Ask, advance: Advance, states: StatesStub
) -> None:
    """202 with where to look, and the machine has the run's name."""
    reply = ask({"input": QUESTION, "mode": "background"})
    run_id = reply.body["id"]

    assert (202, f"/v1/runs/{run_id}") == (reply.status, reply.headers["Location"])
    assert ("queued", "background") == (reply.body["status"], reply.body["mode"])
    assert [f"{run_id}-1"] == list(states.started)
    assert ["running", "running", "finished"] == advance(run_id)
    assert "391" in get("get_run", run_id=run_id).body["output"]


def test_the_same_key_gives_the_same_run(ask: Ask, advance: Advance, states: StatesStub) -> None:
    """202 while it goes on, 200 once it is over."""
    body = {"input": QUESTION, "mode": "background"}
    first, second = (ask(body, Idempotency_Key="k1") for _ in range(2))
    advance(first.body["id"])
    third = ask(body, Idempotency_Key="k1")

    assert [202, 202, 200] == [reply.status for reply in (first, second, third)]
    assert 1 == len({reply.body["id"] for reply in (first, second, third)})
    assert "true" == third.headers["Idempotency-Replayed"]
    assert 1 == len(states.started)


def short_of_time(caller: Principal, **body: Any) -> Reply:
    """Start a run in a function that has hardly any time left."""
    event = make.rest_event(
        "POST",
        "/v1/agents/adder/runs",
        body={"input": QUESTION, **body},
        caller=caller,
        agent="adder",
    )
    head, *chunks = handler_of("start_run")(event, make.LambdaContext(remaining_ms=2_000))
    return Reply(head["statusCode"], head["headers"], "".join(chunks))


def test_a_function_without_time_hands_over(
    caller: Principal, advance: Advance, states: StatesStub
) -> None:
    """A waiting caller gets 202 and where to look; the machine has the run."""
    reply = short_of_time(caller)
    run_id = reply.body["id"]

    assert (202, "running") == (reply.status, reply.body["status"])
    assert f"/v1/runs/{run_id}" == reply.headers["Location"]
    assert [f"{run_id}-1"] == list(states.started)
    assert "finished" == advance(run_id)[-1]


def test_a_stream_without_time_just_ends(caller: Principal, states: StatesStub) -> None:
    """Without a last event: the rest is at /events, from the last id on."""
    reply = short_of_time(caller, mode="stream")

    assert 200 == reply.status
    assert "run.started" == reply.events[0]["event"]
    assert not {"run.completed", "run.failed"} & {event["event"] for event in reply.events}
    assert 1 == len(states.started)


def test_a_run_outlives_a_caller_that_hangs_up(caller: Principal, get: Ask) -> None:
    """The runtime closes the answer where it stands, and the run goes on to its end."""
    body = {"input": QUESTION, "mode": "stream"}
    event = make.rest_event(
        "POST", "/v1/agents/adder/runs", body=body, caller=caller, agent="adder"
    )
    answer = handler_of("start_run")(event, make.LambdaContext(remaining_ms=60_000))
    run_id = next(answer)["headers"]["OrchStack-Run-Id"]
    next(answer)
    answer.close()

    assert "completed" == get("get_run", run_id=run_id).body["status"]


@pytest.fixture
def resume(caller: Principal) -> Ask:
    """Answer a run by the streaming function."""

    def call(run_id: str, body: Any, *, key: Principal = caller, **headers: str) -> Reply:
        event = make.rest_event(
            "POST",
            f"/v1/runs/{run_id}/resume",
            body=body,
            headers=headers,
            caller=key,
            run_id=run_id,
        )
        head, *chunks = handler_of("resume_run")(event, make.LambdaContext(remaining_ms=60_000))
        return Reply(head["statusCode"], head["headers"], "".join(chunks))

    return call


def asks_a_human(caller: Principal, database: Database, run_id: str) -> None:
    """Let a run's only step be a question: the built-in model never asks anybody."""
    wait = {
        "kind": "wait",
        "call": {"id": "call_0", "name": "ask_human", "arguments": {"question": "May I?"}},
        "wished_by": 2,
        "position": 0,
        "question": "May I?",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    model = {
        "kind": "model",
        "model": "builtin/echo",
        "tool_calls": [wait["call"]],
        "finish_reason": "tool_calls",
    }
    with database.transaction(caller.tenant_id) as tx:
        for seq, work, status in ((2, model, "finished"), (3, wait, "started")):
            tx.execute(
                """insert into app.run_steps (tenant_id, run_id, seq, kind, status, work,
                    started_at, finished_at)
                values (%s, %s, %s, %s, %s, %s::jsonb, now(),
                    case when %s = 'finished' then now() end)""",
                (caller.tenant_id, run_id, seq, work["kind"], status, json.dumps(work), status),
            )
        tx.execute(
            """update app.runs set status = 'waiting', question = 'May I?', begun_at = now(),
                wake_at = '2099-01-01' where run_id = %s""",
            (run_id,),
        )


@pytest.fixture
def waiting(caller: Principal, ask: Ask, database: Database, states: StatesStub) -> str:
    """The id of a run that waits for a human, with an execution that waits for it."""
    document = make.agent_document(model="builtin/echo", tools=("calculator", "ask_human"))
    agents().publish(caller, "adder", document)
    run_id: str = ask({"input": QUESTION, "mode": "background"}).body["id"]
    asks_a_human(caller, database, run_id)
    states.waiting.add("token")
    question = {"tenant_id": str(caller.tenant_id), "run_id": run_id, "token": "token"}
    handler_of("await_human")(question, make.LambdaContext())
    return run_id


def test_an_answer_wakes_the_machine(
    waiting: str, resume: Ask, advance: Advance, states: StatesStub
) -> None:
    """202, and the execution that waits goes on; the run comes to its end."""
    reply = resume(waiting, {"answer": "Yes."})

    assert (202, "running") == (reply.status, reply.body["status"])
    assert (set(), 1) == (states.waiting, len(states.started))
    assert "finished" == advance(waiting)[-1]


def test_an_answer_can_be_streamed_on(waiting: str, resume: Ask) -> None:
    """From the answer on, to the end."""
    reply = resume(waiting, {"answer": "Yes."}, Accept="text/event-stream")

    assert (200, "run.resumed") == (reply.status, reply.events[0]["event"])
    assert "run.completed" == reply.events[-1]["event"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"answer": ""}, 400, "invalid_request"),
        ({"answer": "x" * 40_000}, 400, "invalid_request"),
        ({"answer": "Yes.", "surprise": 1}, 400, "invalid_request"),
        ({"answer": "Yes.", "mode": "sideways"}, 400, "invalid_request"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_cannot_be_an_answer_is_refused(
    waiting: str, resume: Ask, get: Ask, body: dict[str, str], status: int, code: str
) -> None:
    """The caller is told what to send, and the run goes on waiting."""
    reply = resume(waiting, body)

    assert (status, code) == (reply.status, reply.body["code"])
    assert "waiting" == get("get_run", run_id=waiting).body["status"]


def test_only_a_run_of_ones_own_is_resumed(waiting: str, resume: Ask) -> None:
    """Another tenant's is not there, nor is one that nobody began."""
    other = make.principal()

    assert 404 == resume(waiting, {"answer": "Yes."}, key=other).status
    assert 404 == resume(str(uuid4()), {"answer": "Yes."}).status
    assert 400 == resume("not-an-id", {"answer": "Yes."}).status


def test_a_run_that_is_over_is_not_resumed(ask: Ask, resume: Ask) -> None:
    """409, and how it ended is at GET /v1/runs/{run_id}."""
    run_id = ask({"input": QUESTION}).body["id"]
    reply = resume(run_id, {"answer": "Yes."})

    assert (409, "run_over") == (reply.status, reply.body["code"])


@pytest.fixture
def as_platform(function_environment: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the functions sign in to the database as the platform."""

    def become() -> None:
        function_environment.setenv("ORCHSTACK_DATABASE_USER", "orchstack_platform")
        forget_wiring()

    return become


def test_the_sweeper_starts_what_nobody_drives(
    ask: Ask,
    caller: Principal,
    states: StatesStub,
    database: Database,
    as_platform: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the platform role, which sees no more than that a run is adrift; it counts what it did."""
    states.failing = True
    run_id = ask({"input": QUESTION, "mode": "background"}).body["id"]
    states.failing = False
    with database.transaction(caller.tenant_id) as tx:
        tx.execute("update app.runs set created_at = now() - interval '1 hour', wake_at = null")
    as_platform()
    swept = handler_of("sweep_runs")({}, None)

    assert {"found": 1, "started": 1} == swept
    assert [f"{run_id}-2"] == list(states.started)
    assert '"AdriftRuns":1' in capsys.readouterr().out
