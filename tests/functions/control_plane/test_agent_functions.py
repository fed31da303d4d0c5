"""Publishing and finding agents over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from orchstack.kernel.tenancy import Principal
from tests.functions.control_plane.conftest import Invoke, NewTenant, Reply

DOCUMENT = {"name": "adder", "instructions": "Answer sums.", "tools": ["calculator"]}


def _publish(invoke: Invoke, caller: Principal, body: Any = None, agent: str = "adder") -> Reply:
    path = f"/v1/agents/{agent}"
    body = DOCUMENT if body is None else body
    return invoke("publish_agent", "PUT", path=path, body=body, caller=caller, agent=agent)


def test_a_document_becomes_a_version(invoke: Invoke, owner: Principal) -> None:
    """201 for a new one, 200 when it is one already, and what is got is what was published."""
    first, again = _publish(invoke, owner), _publish(invoke, owner)
    got = invoke("get_agent", caller=owner, agent="adder")

    assert (201, 200, 200) == (first.status, again.status, got.status)
    assert first.body == again.body == got.body
    assert (1, ["live"]) == (got.body["version"], got.body["aliases"])
    assert DOCUMENT == {name: got.body["document"][name] for name in DOCUMENT}


def test_versions_can_be_asked_for(invoke: Invoke, owner: Principal) -> None:
    """By number, by alias, and as a list without documents."""
    _publish(invoke, owner)
    _publish(invoke, owner, {**DOCUMENT, "description": "second"})
    alias = {"agent": "adder", "alias": "live"}
    moved = invoke("set_alias", "PUT", body={"version": 1}, caller=owner, **alias)

    ask = {"caller": owner, "agent": "adder"}
    second = invoke("get_agent", query={"version": "2"}, **ask)
    live = invoke("get_agent", query={"alias": "live"}, **ask)
    listed = invoke("list_versions", **ask)

    assert {"version": 1, "previous_version": 2} == {
        name: moved.body[name] for name in ("version", "previous_version")
    }
    assert (2, 1) == (second.body["version"], live.body["version"])
    assert [2, 1] == [version["version"] for version in listed.body["items"]]
    assert "document" not in listed.body["items"][0]


def test_agents_are_listed_by_name(invoke: Invoke, owner: Principal) -> None:
    """With live and latest version."""
    _publish(invoke, owner)

    (agent,) = invoke("list_agents", caller=owner).body["items"]

    assert ("adder", 1, 1) == (agent["name"], agent["live_version"], agent["latest_version"])


def test_a_fault_is_told_by_path_and_line(invoke: Invoke, owner: Principal) -> None:
    """422, with every fault of the schema at once."""
    text = '{\n "name": "adder",\n "limits": {\n  "max_steps": 99\n },\n "colour": "red"\n}'

    reply = _publish(invoke, owner, text)

    assert (422, "invalid_document") == (reply.status, reply.body["code"])
    places = {fault["path"]: fault["line"] for fault in reply.body["faults"]}
    assert {"/instructions": 1, "/limits/max_steps": 4, "/colour": 6} == places


def test_an_unknown_tool_and_another_name_are_faults(invoke: Invoke, owner: Principal) -> None:
    """422 in the same form; no agent is made."""
    reply = _publish(invoke, owner, {**DOCUMENT, "tools": ["abacus"]}, agent="other")

    assert (422, "invalid_document") == (reply.status, reply.body["code"])
    assert ["/name", "/tools/0"] == [fault["path"] for fault in reply.body["faults"]]
    assert [] == invoke("list_agents", caller=owner).body["items"]


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', '{"name": NaN}'])
def test_what_is_no_document_is_refused(invoke: Invoke, owner: Principal, body: str) -> None:
    """Malformed JSON and JSON of another shape."""
    assert _publish(invoke, owner, body).status in {400, 422}


def test_another_tenants_agent_looks_absent(invoke: Invoke, new_tenant: NewTenant) -> None:
    """Each operation answers it as it answers a name that nobody has."""
    (_, mine), (_, other) = new_tenant(), new_tenant()
    _publish(invoke, other)

    for function, method, parts in (
        ("get_agent", "GET", {}),
        ("get_agent", "GET", {"query": {"version": "1"}}),
        ("list_versions", "GET", {}),
        ("set_alias", "PUT", {"body": {"version": 1}, "alias": "live"}),
    ):
        foreign, absent = (
            invoke(function, method, path="/x", caller=mine, agent=agent, **parts)
            for agent in ("adder", "nobodys")
        )
        assert (404, 404) == (foreign.status, absent.status)
        assert {**absent.body, "request_id": ""} == {**foreign.body, "request_id": ""}


def test_a_version_is_asked_for_in_one_way(invoke: Invoke, owner: Principal) -> None:
    """Both at once is a bad request, as are numbers that are none."""
    for query in ({"version": "1", "alias": "live"}, {"version": "0"}, {"version": "x"}):
        reply = invoke("get_agent", query=query, caller=owner, agent="adder")

        assert (400, "invalid_request") == (reply.status, reply.body["code"])


def test_a_cursor_of_another_listing_is_refused(invoke: Invoke, owner: Principal) -> None:
    """As is one that was made up."""
    for name in ("a", "b"):
        _publish(invoke, owner, {**DOCUMENT, "name": name}, agent=name)
    cursor = invoke("list_agents", query={"limit": "1"}, caller=owner).body["next_cursor"]

    for given in (cursor, "bm9uc2Vuc2U"):
        reply = invoke("list_keys", query={"cursor": given}, caller=owner)

        assert (400, "invalid_cursor") == (reply.status, reply.body["code"])
