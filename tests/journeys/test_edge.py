"""What every caller meets at the edge: headers, public documents, and stores that are away."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from orchstack.wiring.catalogue import OPERATIONS
from orchstack.wiring.openapi import agent_schema, describe
from tests.cloud import Caller, Reply, RunningCloud, eventually, running_cloud
from tests.house.source import ROOT
from tests.make import agent_document

CLERK = agent_document(name="clerk").model_dump(mode="json")


def stop_valkey(cloud: RunningCloud) -> None:
    """Kill the cache."""
    address = f"127.0.0.1:{cloud.state['cache_port']}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"valkey" in command and address in command:
            os.kill(int(process.name), signal.SIGKILL)


def stop_postgres(cloud: RunningCloud) -> None:
    """Kill the database, and then the processes that serve its connections."""
    folder = Path(cloud.platform.get("/_local/status").body["database"]["folder"])
    pid = (folder / "data" / "postmaster.pid").read_text().split()[0]
    serving = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for process in (pid, *serving):
        os.kill(int(process), signal.SIGKILL)


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_a_browser_may_ask_first(cloud: RunningCloud, path: str) -> None:
    """A preflight is answered on every path, without a key, and allows the headers we read."""
    reply = cloud.platform.with_key("").send("OPTIONS", path, Origin="https://studio.example")

    assert 204 == reply.status
    assert "*" == reply.headers["access-control-allow-origin"]
    allowed = reply.headers["access-control-allow-headers"].split(",")
    assert {"Authorization", "Content-Type", "Idempotency-Key", "Traceparent"} <= set(allowed)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/agents", 200),
        ("GET", "/v1/agents/nobody", 404),
        ("GET", "/v1/agents/NOBODY", 400),
        ("POST", "/v1/tenants", 403),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/nothing-here", 404),
        ("PATCH", "/v1/agents", 404),
        ("HEAD", "/v1/agents", 404),
        ("GET", f"/v1/agents?{'x' * 11_000}", 413),
    ],
    ids=lambda value: str(value)[:20],
)
def test_every_answer_names_its_request(
    tenant: Caller, method: str, path: str, status: int
) -> None:
    """Whoever answers, the request has a name that a browser can read and a problem repeats."""
    reply = tenant.send(method, path)
    problem = reply.body if status >= 400 and method != "HEAD" else None

    assert status == reply.status
    assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
    assert "*" == reply.headers["access-control-allow-origin"]
    if problem is not None:
        assert reply.headers["x-request-id"] == problem["request_id"]
        assert path.partition("?")[0] == problem["instance"]
    assert reply.headers["x-request-id"]


def test_a_request_is_found_in_the_log(cloud: RunningCloud, tenant: Caller) -> None:
    """The function's line of a request carries its name, operation and status, and no key."""
    request_id = tenant.get("/v1/agents/nobody").headers["x-request-id"]

    def logged() -> list[dict[str, object]]:
        lines = Path(cloud.state["log_file"]).read_text("utf-8").splitlines()
        found = [json.loads(line) for line in lines if request_id in line]
        return [line for line in found if line["message"] == "request"]

    (line,) = eventually(logged)
    assert ("get_agent", 404) == (line["operation"], line["status"])
    assert line["tenant_id"]
    assert tenant.key not in json.dumps(line)


def test_a_refused_key_is_told_the_scheme(cloud: RunningCloud) -> None:
    """A 401 says which authentication is asked for."""
    reply = cloud.platform.with_key("nonsense").get("/v1/agents")

    assert (401, "Bearer") == (reply.status, reply.headers["www-authenticate"])


def test_the_description_is_the_one_we_generate(cloud: RunningCloud) -> None:
    """Without a key, OpenAPI 3.1 that is valid and made from the operations."""
    reply = cloud.platform.with_key("").get("/openapi.json")

    validate(reply.body)
    assert (200, json.loads(json.dumps(describe()))) == (reply.status, reply.body)


def test_the_examples_fit_the_schema_we_serve(cloud: RunningCloud) -> None:
    """Without a key, the JSON Schema by which an editor can check an agent's document."""
    reply = cloud.platform.with_key("").get("/schemas/agent.json")
    judge = Draft202012Validator(reply.body)
    examples = sorted((ROOT / "examples").glob("*.yaml"))

    assert json.loads(json.dumps(agent_schema())) == reply.body
    assert examples
    assert [] == [e.name for e in examples if not judge.is_valid(yaml.safe_load(e.read_text()))]
    assert not judge.is_valid({**CLERK, "surprise": True})


def away(reply: Reply, part: str) -> bool:
    """Whether a problem says that this store does not answer, and when to ask again."""
    told = (reply.status, reply.code, reply.body["detail"])
    return told == (503, "unavailable", f"Not answering: {part}.") and bool(
        int(reply.headers["retry-after"])
    )


@pytest.mark.slow
def test_stores_may_be_away(assembly: Path, tmp_path: Path) -> None:
    """Without Valkey requests pass unlimited but no revoked key; without PostgreSQL it is 503."""
    with running_cloud(assembly, tmp_path / "state") as cloud:
        tenant = cloud.tenant("stranded")
        tenant.put("/v1/agents/clerk", CLERK)
        leaked = tenant.post("/v1/keys", {"name": "leaked", "scopes": ["agents:read"]}).body
        thief = tenant.with_key(leaked["secret"])
        assert "ratelimit" in thief.get("/v1/agents").headers

        stop_valkey(cloud)
        assert away(tenant.get("/healthz"), "cache")
        assert "completed" == tenant.run("clerk", "What is 17 * 23?").body["status"]
        assert "ratelimit" not in thief.get("/v1/agents").headers
        assert 200 == tenant.delete(f"/v1/keys/{leaked['key']['id']}").status
        assert (401, 200) == (thief.get("/v1/agents").status, tenant.get("/v1/agents").status)

        stop_postgres(cloud)
        assert eventually(lambda: away(tenant.get("/healthz"), "database, cache"))
        refused = tenant.get("/v1/agents")
        assert (503, "unavailable") == (refused.status, refused.code)
        assert int(refused.headers["retry-after"]) >= 1
