"""Every refusal is a problem document that says what to do next, and changes nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.bench.first_byte import set_providers
from tests.cloud import Caller, Reply, RunningCloud
from tests.make import agent_document

AGENT = agent_document(name="clerk").model_dump(mode="json")
RUNS = "/v1/agents/clerk/runs"


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent."""
    assert 201 == tenant.put("/v1/agents/clerk", AGENT).status
    return tenant


def assert_problem(reply: Reply, status: int, code: str) -> None:
    """The reply is this problem, complete and with advice."""
    assert (status, code) == (reply.status, reply.code), reply
    assert "application/problem+json" in reply.headers["content-type"]
    assert {"type", "title", "status", "detail"} <= set(reply.body)
    assert len(reply.body["detail"]) > 10


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b'{"input": ', 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b'{"input": 5}', 400, "invalid_request"),
        (b'{"input": ""}', 400, "invalid_request"),
        (b'{"input": "hi", "surprise": 1}', 400, "invalid_request"),
        (b'{"input": "a\\u0000b"}', 400, "invalid_request"),
        (b'{"input": "hi", "mode": "sideways"}', 400, "invalid_request"),
        (b'{"input": "hi", "version": 99}', 404, "not_found"),
        (b'{"input": "' + b"x" * 40_000 + b'"}', 413, "payload_too_large"),
        (b'{"input": "' + b"x" * 2_000_000 + b'"}', 400, "invalid_request"),
        (b'{"input": "' + b"x" * 5_900_000 + b'"}', 413, "payload_too_large"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_malformed_run_is_refused(clerk: Caller, raw: bytes, status: int, code: str) -> None:
    """Malformed, mistyped, unknown and over-long requests are refused; no run remains."""
    assert_problem(clerk.send("POST", RUNS, raw=raw), status, code)
    assert [] == clerk.get("/v1/runs").body["items"]


def test_an_unknown_agent_is_not_found(clerk: Caller) -> None:
    """A run of an agent that does not exist says so."""
    assert_problem(clerk.run("nobody", "hi"), 404, "not_found")


def test_anothers_object_looks_absent(clerk: Caller, cloud: RunningCloud) -> None:
    """Another tenant's run is indistinguishable from one that does not exist."""
    run = clerk.run("clerk", "hi").body["id"]
    stranger = cloud.tenant("stranger")
    theirs, absent = stranger.get(f"/v1/runs/{run}"), stranger.get(f"/v1/runs/{uuid4()}")

    assert_problem(theirs, 404, "not_found")
    assert theirs.body["detail"] == absent.body["detail"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "../../etc", "%00"])
def test_a_bad_cursor_is_refused(clerk: Caller, cursor: str) -> None:
    """A cursor that we did not issue is refused, not ignored."""
    assert 400 == clerk.get(f"/v1/runs?cursor={cursor}").status


def test_a_document_with_faults_names_each(clerk: Caller) -> None:
    """A schema-invalid agent is refused with the path of each fault."""
    faulty = {**AGENT, "limits": {"max_steps": 0}, "tools": ["no_such_tool!"], "extra": True}
    reply = clerk.put("/v1/agents/clerk", faulty)
    paths = {fault["path"] for fault in reply.body["faults"]}

    assert_problem(reply, 422, "invalid_document")
    assert {"/limits/max_steps", "/tools/0", "/extra"} <= paths
    assert 1 == clerk.get("/v1/agents/clerk").body["version"]


def test_a_tool_that_does_not_exist_is_refused(clerk: Caller) -> None:
    """An agent cannot be published with a tool the installation lacks."""
    assert_problem(
        clerk.put("/v1/agents/clerk", {**AGENT, "tools": ["teleport"]}), 422, "invalid_document"
    )


@pytest.mark.parametrize("key", ["", "nonsense", "os_live_" + "A" * 71])
def test_a_bad_key_is_refused(cloud: RunningCloud, key: str) -> None:
    """No key, a mistyped key and an unknown key all get the same answer."""
    assert_problem(cloud.platform.with_key(key).get("/v1/agents"), 401, "unauthenticated")


def test_a_revoked_key_stops_at_once(clerk: Caller) -> None:
    """A revoked key is refused on the next request, whatever the edge has cached."""
    made = clerk.post("/v1/keys", {"name": "short-lived", "scopes": ["agents:read"]}).body
    second = clerk.with_key(made["secret"])

    assert 200 == second.get("/v1/agents").status
    clerk.delete(f"/v1/keys/{made['key']['id']}")
    assert_problem(second.get("/v1/agents"), 401, "unauthenticated")


def test_a_key_without_the_scope_is_forbidden(clerk: Caller) -> None:
    """A read-only key cannot run, publish or make keys, nor make a key that can do more."""
    made = clerk.post("/v1/keys", {"name": "reader", "scopes": ["agents:read"]}).body
    reader = clerk.with_key(made["secret"])

    assert_problem(reader.run("clerk", "hi"), 403, "forbidden")
    assert_problem(reader.put("/v1/agents/clerk", AGENT), 403, "forbidden")
    assert_problem(reader.post("/v1/tenants", {"name": "mine"}), 403, "forbidden")


def test_too_many_requests_are_refused(cloud: RunningCloud) -> None:
    """Past the rate a caller gets 429 with Retry-After, and only that tenant does."""
    busy = cloud.tenant("busy", requests_per_minute=10, requests_per_minute_per_key=10)
    replies = [busy.get("/v1/agents") for _ in range(40)]
    refused = next(reply for reply in replies if reply.status == 429)

    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    assert 200 == cloud.tenant("calm").get("/v1/agents").status


def test_a_run_ends_at_its_budget(cloud: RunningCloud, clerk: Caller) -> None:
    """An agent whose limit on cost is nothing cannot spend on a priced model."""
    set_providers(cloud, {"openai": {"base_url": "https://provider.invalid/v1", "api_key": "none"}})
    poor = {**AGENT, "model": "openai/gpt-5-mini", "limits": {"max_cost_micro_usd": 0}}
    clerk.put("/v1/agents/clerk", poor)
    run = clerk.run("clerk", "hi").body

    assert 0 == run["cost_micro_usd"]
    assert "budget" in str(run["error"] or run["finish_reason"])


def test_an_unknown_path_is_a_problem_too(clerk: Caller) -> None:
    """A path that the API does not have is answered with a problem document."""
    reply = clerk.get("/v1/nothing-here")

    assert reply.status in (403, 404)
    assert "application/problem+json" in reply.headers["content-type"]
