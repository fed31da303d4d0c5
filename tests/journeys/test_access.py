"""Who may do what: every operation of the catalogue against every caller that may not.

The matrix is made from the catalogue: an operation whose path has a parameter that is not sampled
here fails, so that a new one cannot be left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from orchstack.kernel.http import AnyOperation
from orchstack.kernel.tenancy import TENANT_SCOPES, Scope
from orchstack.wiring.catalogue import OPERATIONS
from tests.cloud import Caller, Reply, RunningCloud
from tests.make import agent_document

GUARDED = [operation for operation in OPERATIONS if operation.scope is not None]
ADDRESSED = [operation for operation in GUARDED if "{" in operation.path]
LISTINGS = [op for op in GUARDED if op.method == "GET" and "{" not in op.path]
BODIES: dict[str, dict[str, Any]] = {
    "create_tenant": {"name": "Mine"},
    "create_key": {"name": "mine", "scopes": ["runs:read"]},
    "set_alias": {"version": 1},
    "start_run": {"input": "What is 17 * 23?"},
    "create_session": {"agent": "adder"},
    "rename_session": {"title": "Mine"},
    "review_run": {"success": True},
    "fork_run": {"from_step": 2},
}
QUERIES = {
    "compare_versions": "?a=1&b=2",
    "diff_runs": "?other={run_id}",
    "measure_agent": "?from=2026-01-01&to=2026-01-02",
}
# What takes any name: a document that is only looked at, and the figures of an agent without runs.
ANSWERED = {"validate_agent": 200, "measure_agent": 200}


@dataclass
class Scene:
    """A tenant that owns one object of each kind, and the keys of it that open nothing."""

    owner: Caller
    refused: dict[str, Caller]
    owned: dict[str, str]
    absent: dict[str, str] = field(
        default_factory=lambda: {
            "agent": "nobody",
            "alias": "nothing",
            "key_id": str(uuid4()),
            "run_id": str(uuid4()),
            "session_id": str(uuid4()),
            "seq": "1",
        }
    )

    def send(self, caller: Caller, operation: AnyOperation, at: dict[str, str]) -> Reply:
        """Call an operation, well formed, at the objects named."""
        body = BODIES.get(operation.id)
        if operation.id in {"publish_agent", "validate_agent"}:
            body = agent_document(name=at["agent"]).model_dump(mode="json")
        path = operation.path + QUERIES.get(operation.id, "")
        return caller.send(operation.method, path.format(**at), body)

    def without(self, scope: Scope) -> Caller:
        """The owner with a key that may do everything but this."""
        scopes = sorted(TENANT_SCOPES - {scope})
        made = self.owner.post("/v1/keys", {"name": f"not {scope}", "scopes": scopes})
        return self.owner.with_key(made.body["secret"])

    def seen_by_owner(self) -> list[Any]:
        """All that the owner has and a stranger could have changed."""
        run, session = f"runs/{self.owned['run_id']}", f"sessions/{self.owned['session_id']}"
        said = f"{session}/messages"
        paths = ("agents/adder", "agents/adder/versions", "runs", run, "sessions", session, said)
        keys = self.owner.get("/v1/keys?limit=100").body["items"]
        spare = [key for key in keys if key["id"] == self.owned["key_id"]]
        return [spare, *(self.owner.get(f"/v1/{path}").body for path in paths)]


@pytest.fixture(scope="module")
def scene(cloud: RunningCloud) -> Scene:
    """The owner and its keys; what the owner has stays as it is."""
    owner = cloud.tenant("owner")
    owner.put("/v1/agents/adder", agent_document(name="adder").model_dump(mode="json"))
    session_id = str(uuid4())
    run_id = owner.run("adder", "What is 17 * 23?", session_id=session_id).body["id"]
    every = {"name": "key", "scopes": sorted(TENANT_SCOPES)}
    spare, revoked, expired = (
        owner.post("/v1/keys", {**every, "expires_in_s": 3600}).body for _ in range(3)
    )
    owner.delete(f"/v1/keys/{revoked['key']['id']}")
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        expire = "update app.api_keys set expires_at = now() where id = %s"
        connection.execute(expire, [expired["key"]["id"]])
    return Scene(
        owner=owner,
        refused={
            "anonymous": owner.with_key(""),
            "revoked": owner.with_key(revoked["secret"]),
            "expired": owner.with_key(expired["secret"]),
        },
        owned={
            "agent": "adder",
            "alias": "live",
            "key_id": spare["key"]["id"],
            "run_id": run_id,
            "session_id": session_id,
            "seq": "1",
        },
    )


@pytest.fixture
def stranger(cloud: RunningCloud) -> Caller:
    """Another tenant's key with every scope."""
    return cloud.tenant("stranger")


def told(reply: Reply, at: dict[str, str]) -> str:
    """What a problem tells, but for the request's own id and what it asked for."""
    text = json.dumps({**reply.body, "request_id": ""})
    for name in at.keys() - {"seq"}:
        text = re.sub(rf"\b{re.escape(at[name])}\b", "…", text)
    return text


@pytest.mark.parametrize("who", ["anonymous", "revoked", "expired"])
@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: str(operation.id))
def test_no_operation_without_a_valid_key(scene: Scene, operation: AnyOperation, who: str) -> None:
    """Without a key, with a revoked or an expired one every guarded operation is 401."""
    reply = scene.send(scene.refused[who], operation, scene.owned)

    assert (401, "unauthenticated") == (reply.status, reply.code)


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: str(operation.id))
def test_no_operation_without_its_scope(scene: Scene, operation: AnyOperation) -> None:
    """A key with every scope but the operation's own is 403, also on what is its tenant's."""
    assert operation.scope is not None
    reply = scene.send(scene.without(operation.scope), operation, scene.owned)

    assert (403, "forbidden") == (reply.status, reply.code)


@pytest.mark.parametrize("operation", ADDRESSED, ids=lambda operation: str(operation.id))
def test_anothers_object_is_as_an_absent_one(
    scene: Scene, stranger: Caller, operation: AnyOperation
) -> None:
    """To a stranger with every scope what is not theirs does not exist, word for word."""
    before = scene.seen_by_owner()
    theirs = scene.send(stranger, operation, scene.owned)
    absent = scene.send(stranger, operation, scene.absent)

    # What is made at a name of one's own choice is made beside the other tenant's.
    made = operation.method == "PUT" and operation.status == 201
    expected = ANSWERED.get(operation.id, 201 if made else 404)
    assert expected == theirs.status == absent.status
    assert made or told(theirs, scene.owned) == told(absent, scene.absent)
    assert before == scene.seen_by_owner()


@pytest.mark.parametrize("operation", LISTINGS, ids=lambda operation: str(operation.id))
def test_no_listing_shows_anothers(scene: Scene, stranger: Caller, operation: AnyOperation) -> None:
    """A stranger's listings hold nothing of the owner's; the platform's are no tenant's."""
    reply = scene.send(stranger, operation, scene.owned)

    assert (403 if operation.scope is Scope.PLATFORM_ADMIN else 200) == reply.status
    assert scene.owned["run_id"] not in json.dumps(reply.body)
    assert scene.owned["key_id"] not in json.dumps(reply.body)
    assert scene.owned["session_id"] not in json.dumps(reply.body)


def test_a_test_key_makes_no_live_one(scene: Scene) -> None:
    """A key of the test environment cannot make a key of the live one."""
    asked = {"name": "test", "scopes": ["keys:write"], "environment": "test"}
    secret = scene.owner.post("/v1/keys", asked).body["secret"]
    reply = scene.owner.with_key(secret).post("/v1/keys", {**asked, "environment": "live"})

    assert secret.startswith("os_test_")
    assert (403, "forbidden") == (reply.status, reply.code)
