"""Canaries and the validation of documents over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from orchstack.kernel.tenancy import Principal
from tests.functions.control_plane.conftest import Invoke, NewTenant, Reply

DOCUMENT = {"name": "adder", "instructions": "Answer sums.", "tools": ["calculator"]}
ALIAS = {"agent": "adder", "alias": "live"}


@pytest.fixture
def author(invoke: Invoke, owner: Principal) -> Principal:
    """Somebody with an agent of two versions, of which the first is live."""
    for description in ("one", "two"):
        publish(invoke, owner, description)
    invoke("set_alias", "PUT", body={"version": 1}, caller=owner, **ALIAS)
    return owner


def publish(invoke: Invoke, caller: Principal, description: str, **query: str) -> Reply:
    """Publish a document."""
    body = {**DOCUMENT, "description": description}
    path = "/v1/agents/adder"
    return invoke(
        "publish_agent", "PUT", path=path, body=body, query=query, caller=caller, agent="adder"
    )


def put(invoke: Invoke, caller: Principal, body: Any) -> Reply:
    """Point the alias."""
    return invoke("set_alias", "PUT", body=body, caller=caller, **ALIAS)


def test_an_alias_names_a_canary(invoke: Invoke, author: Principal) -> None:
    """The answer shows it with its rules filled in, and so does the alias from then on."""
    wish = {"version": 2, "weight": 0.1, "rollback": {"max_error_rate": 0.2}}
    begun = put(invoke, author, {"version": 1, "canary": wish})
    shown = invoke("get_alias", caller=author, **ALIAS)

    assert (200, 200) == (begun.status, shown.status)
    assert begun.body["canary"] == shown.body["canary"]
    canary = shown.body["canary"]
    assert (1, 2, 0.1, None) == (
        canary["stable_version"],
        canary["version"],
        canary["weight"],
        canary["end"],
    )
    assert {"max_error_rate": 0.2, "max_error_ratio": 1.25, "max_cost_ratio": 2.0} == canary[
        "rollback"
    ]


def test_without_a_canary_it_ends(invoke: Invoke, author: Principal) -> None:
    """Pointing the alias at the canary's version promotes it; its end stays to be seen."""
    put(invoke, author, {"version": 1, "canary": {"version": 2, "weight": 1}})
    moved = put(invoke, author, {"version": 2})
    shown = invoke("get_alias", caller=author, **ALIAS)

    assert (2, 1, None) == (
        moved.body["version"],
        moved.body["previous_version"],
        moved.body["canary"],
    )
    assert (2, "promoted") == (shown.body["version"], shown.body["canary"]["end"])


def test_a_document_is_published_as_a_canary(invoke: Invoke, author: Principal) -> None:
    """In one request: a new version, that `live` does not name."""
    reply = publish(invoke, author, "three", canary="0.25")
    shown = invoke("get_alias", caller=author, **ALIAS).body

    assert (201, 3, []) == (reply.status, reply.body["version"], reply.body["aliases"])
    assert (1, 3, 0.25) == (
        shown["version"],
        shown["canary"]["version"],
        shown["canary"]["weight"],
    )


@pytest.mark.parametrize(
    ("canary", "status"),
    [
        ({"version": 2}, 400),
        ({"version": 2, "weight": 0}, 400),
        ({"version": 2, "weight": 1.5}, 400),
        ({"version": 2, "weight": "0.5"}, 400),
        ({"version": 1, "weight": 0.5}, 400),
        ({"version": 9, "weight": 0.5}, 404),
        ({"version": 2, "weight": 0.5, "rollback": {"max_error_rate": 1}}, 400),
        ({"version": 2, "weight": 0.5, "rollback": {"max_cost": 1}}, 400),
    ],
)
def test_a_canary_that_cannot_be_is_refused(
    invoke: Invoke, author: Principal, canary: Any, status: int
) -> None:
    """And the alias stays as it is."""
    assert status == put(invoke, author, {"version": 1, "canary": canary}).status
    assert invoke("get_alias", caller=author, **ALIAS).body["canary"] is None


@pytest.mark.parametrize("weight", ["0", "1.01", "ten", "nan"])
def test_a_weight_is_a_share(invoke: Invoke, author: Principal, weight: str) -> None:
    """In the query as in the body; nothing is published."""
    reply = publish(invoke, author, "three", canary=weight)

    assert (400, "query.canary") == (reply.status, reply.body["faults"][0]["path"])
    assert 404 == invoke("get_agent", query={"version": "3"}, caller=author, agent="adder").status


def validate(invoke: Invoke, caller: Principal, body: Any) -> Reply:
    """Have a document judged."""
    return invoke("validate_agent", "POST", body=body, caller=caller, agent="adder")


def test_a_document_is_judged_against_the_live_version(invoke: Invoke, author: Principal) -> None:
    """What it would change, field by field; nothing is published."""
    reply = validate(invoke, author, {**DOCUMENT, "description": "x", "limits": {"max_steps": 3}})

    assert (200, True, 1, None) == (
        reply.status,
        reply.body["valid"],
        reply.body["live_version"],
        reply.body["same_as"],
    )
    changes = [tuple(change.values()) for change in reply.body["changes"]]
    assert [
        ("/description", "changed", "one", "x"),
        ("/limits/max_steps", "changed", 8, 3),
    ] == changes
    versions = invoke("list_versions", caller=author, agent="adder").body["items"]
    assert [2, 1] == [version["version"] for version in versions]


def test_a_document_may_be_a_version_already(invoke: Invoke, author: Principal) -> None:
    """The live one, or another one."""
    for number, description in ((1, "one"), (2, "two")):
        reply = validate(invoke, author, {**DOCUMENT, "description": description})

        assert number == reply.body["same_as"]


def test_all_faults_are_told(invoke: Invoke, author: Principal) -> None:
    """Those of the schema and those that only the rules find, at once."""
    faulty = {
        "name": "other",
        "tools": ["abacus"],
        "limits": {"max_steps": 99},
        "output_schema": {"type": "objct"},
        "agents": [{"agent": "nobody", "kind": "tool"}],
        "colour/shade": "red",
    }
    reply = validate(invoke, author, faulty)

    assert (200, False, None) == (reply.status, reply.body["valid"], reply.body["changes"])
    assert {
        "/name",
        "/instructions",
        "/tools/0",
        "/limits/max_steps",
        "/output_schema/type",
        "/agents/0/agent",
        "/colour~1shade",
    } == {fault["path"] for fault in reply.body["faults"]}


def test_a_new_agent_is_judged(invoke: Invoke, owner: Principal) -> None:
    """There is no live version: all that it says is new. No JSON object is no document."""
    reply = validate(invoke, owner, DOCUMENT)

    assert (True, None) == (reply.body["valid"], reply.body["live_version"])
    changes = reply.body["changes"]
    assert ["/name", "/instructions", "/tools"] == [change["path"] for change in changes]
    assert [400, 400] == [validate(invoke, owner, body).status for body in ("[]", "{")]


def test_agents_that_ask_each_other_are_refused(invoke: Invoke, author: Principal) -> None:
    """Over the live versions; publishing says the same as judging does."""
    other = {**DOCUMENT, "name": "other", "agents": [{"agent": "adder", "kind": "tool"}]}
    path = "/v1/agents/other"
    invoke("publish_agent", "PUT", path=path, body=other, caller=author, agent="other")
    back = {**DOCUMENT, "agents": [{"agent": "other", "kind": "tool"}]}
    judged = validate(invoke, author, back)
    refused = invoke("publish_agent", "PUT", body=back, caller=author, agent="adder")

    (fault,) = judged.body["faults"]
    assert (422, [fault]) == (refused.status, refused.body["faults"])
    assert "adder → other → adder" in fault["message"]


def test_another_tenants_agent_looks_absent(invoke: Invoke, new_tenant: NewTenant) -> None:
    """Its alias is not found, and a document of its name would be a new agent."""
    (_, mine), (_, other) = new_tenant(), new_tenant()
    publish(invoke, other, "one")

    assert 404 == invoke("get_alias", caller=mine, **ALIAS).status
    assert validate(invoke, mine, DOCUMENT).body["live_version"] is None
