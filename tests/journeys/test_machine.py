"""The state machine `agent_run`: it carries on what a dead function left, one command a state."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.bench.first_byte import set_providers
from tests.cloud import Caller, RunningCloud, eventually
from tests.make import agent_document

MACHINE = "AgentRunMachine"
CALL = {
    "index": 0,
    "id": "call_1",
    "function": {"name": "calculator", "arguments": '{"expression": "17 * 23"}'},
}


class SlowOnce(ThreadingHTTPServer):
    """An OpenAI-wire provider that asks for a tool, then answers; its call `hangs_at` never ends.

    `asked` counts its calls.
    """

    daemon_threads = True

    def __init__(self, hangs_at: int) -> None:
        """Listen on a free loopback port."""
        super().__init__(("127.0.0.1", 0), _Completions)
        self.hangs_at = hangs_at
        self.asked = 0


class _Completions(BaseHTTPRequestHandler):
    server: SlowOnce
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Stream one piece: the wish for a tool, or the answer once there is its result."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        if self.server.asked == self.server.hangs_at:
            time.sleep(20)
        served = asked["messages"][-1]["role"] == "tool"
        delta: dict[str, Any] = {"content": "It is 391."} if served else {"tool_calls": [CALL]}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if served else "tool_calls"}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def slow_once(cloud: RunningCloud, hangs_at: int) -> Iterator[tuple[SlowOnce, str]]:
    """Serve the provider; gives it with the name by which the cloud knows it."""
    name, server = f"slow-{uuid4().hex[:8]}", SlowOnce(hangs_at)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    set_providers(cloud, {name: {"base_url": url, "api_key": "none"}})
    yield server, name
    server.shutdown()
    server.server_close()


def leave_half_done(cloud: RunningCloud, caller: Caller, provider: SlowOnce) -> dict[str, str]:
    """Kill the function while the provider hangs; gives the tenant's and the run's id."""
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(caller.run, "clerk", "What is 17 * 23?")
        assert eventually(lambda: provider.asked == provider.hangs_at or reply.done())
        cloud.kill("start_run")
        assert reply.result().status in (502, 503)
    (run,) = caller.get("/v1/runs").body["items"]
    assert "running" == run["status"]
    # A dead driver's lease lapses after half a minute; nobody has to wait for it here.
    query = "update app.runs set lease_until = now() where run_id = %s returning tenant_id::text"
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        row = connection.execute(query, [run["id"]]).fetchone()
    assert row is not None
    return {"tenant_id": row[0], "run_id": run["id"]}


def execute(cloud: RunningCloud, reference: dict[str, str]) -> tuple[str, list[dict[str, Any]]]:
    """Start the machine and wait for its end; gives its status and its history."""
    states = cloud.aws("stepfunctions")
    started = states.start_execution(
        stateMachineArn=cloud.output("Services", MACHINE), input=json.dumps(reference)
    )
    arn = started["executionArn"]

    def ended() -> str | None:
        status = states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else str(status)

    status = eventually(ended, within_s=60)
    assert status is not None
    return status, states.get_execution_history(executionArn=arn)["events"]


def commands(history: list[dict[str, Any]]) -> list[str]:
    """How the run stood after each command."""
    exits = [e["stateExitedEventDetails"] for e in history if "stateExitedEventDetails" in e]
    return [json.loads(e["output"])["status"] for e in exits if e["name"] == "Advance"]


@pytest.mark.parametrize(
    ("hangs_at", "expected"),
    [(1, ["running", "running", "finished"]), (2, ["finished"])],
    ids=["before the tool", "after the tool"],
)
def test_the_machine_ends_what_a_dead_function_began(
    cloud: RunningCloud, tenant: Caller, hangs_at: int, expected: list[str]
) -> None:
    """One command a state leads to the end, and the tool's effect happens once in all."""
    with slow_once(cloud, hangs_at) as (provider, name):
        document = agent_document(name="clerk", model=f"{name}/any", tools=("calculator",))
        tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
        reference = leave_half_done(cloud, tenant, provider)
        status, history = execute(cloud, reference)
    run = tenant.get(f"/v1/runs/{reference['run_id']}").body

    assert "SUCCEEDED" == status
    assert expected == commands(history)
    assert ("completed", "It is 391.") == (run["status"], run["output"])
    assert ["tool"] == [s["work"]["kind"] for s in run["steps"] if s["work"]["kind"] == "tool"]
    audit = tenant.get("/v1/audit?action=tool.call").body["items"]
    assert ["succeeded"] == [entry["outcome"] for entry in audit]
    assert 3 == provider.asked


def test_an_unknown_run_fails_the_machine(cloud: RunningCloud) -> None:
    """A run that does not exist is not tried again: the execution ends as FAILED and says why."""
    status, history = execute(cloud, {"tenant_id": str(uuid4()), "run_id": str(uuid4())})

    assert "FAILED" == status
    assert "NotFound" == history[-1]["executionFailedEventDetails"]["error"]
    assert 1 == sum(event["type"].endswith("Scheduled") for event in history)
