"""`orchstack tenants` and `orchstack keys`."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.kit import AT, Api, key, page

TENANT = {"id": "t-1", "name": "acme", "status": "active", "created_at": AT}


def test_a_new_tenants_key_is_shown_once() -> None:
    """Making a tenant shows its id and its first key."""
    issued = {"tenant": TENANT, "first_key": {"key": key(), "secret": "os_live_secret"}}
    result = Api({"POST /v1/tenants": (201, issued)}).run("tenants", "create", "acme")

    assert 0 == result.exit_code
    assert "t-1" in result.output
    assert "os_live_secret" in result.output


def test_tenants_are_listed() -> None:
    """One line for each tenant."""
    result = Api({"GET /v1/tenants": page(TENANT)}).run("tenants", "list")

    assert "acme  active  2026-01-01 00:00:00" in result.output


def test_an_empty_list_says_what_to_do() -> None:
    """Where nothing is listed, the command that makes one is named."""
    assert "tenants create" in Api({"GET /v1/tenants": page()}).run("tenants", "list").output


def test_a_new_key_may_only_run_agents_unless_told() -> None:
    """The scopes that are not given are those of a program which asks agents."""
    api = Api({"POST /v1/keys": (201, {"key": key(), "secret": "os_live_secret"})})
    result = api.run("keys", "create", "ci", "--expires-in", "90d")

    assert "os_live_secret" in result.output
    assert {
        "name": "ci",
        "scopes": ["runs:write", "runs:read", "agents:read"],
        "expires_in_s": 90 * 86_400,
    } == api.sent()


def test_scopes_can_be_chosen() -> None:
    """--scope may be given several times."""
    api = Api({"POST /v1/keys": (201, {"key": key(), "secret": None})})
    api.run("keys", "create", "ci", "-s", "audit:read", "-s", "events:read")

    assert ["audit:read", "events:read"] == api.sent()["scopes"]


@pytest.mark.parametrize("text", ["", "90", "0d", "1y", "-1d", "1.5h"])
def test_a_strange_life_span_is_a_wrong_command_line(text: str) -> None:
    """Nothing is sent, and the error says how life spans are written."""
    api = Api()
    result = api.run("keys", "create", "ci", "--expires-in", text)

    assert (2, []) == (result.exit_code, api.requests)
    assert "90d" in result.output


def test_keys_show_their_state() -> None:
    """Active, until a date, or revoked."""
    keys = key(), key(expires_at="2026-02-01T00:00:00Z"), key(revoked_at=AT)
    output = Api({"GET /v1/keys": page(*keys)}).run("keys", "list").output

    assert all(state in output for state in ("active", "until 2026-02-01", "revoked 2026-01-01"))


def test_revoking_says_since_when() -> None:
    """The key's name and the time are shown."""
    api = Api({"DELETE /v1/keys/k-1": (200, key(revoked_at=AT))})

    assert "ci (k-1) is revoked since 2026-01-01" in api.run("keys", "revoke", "k-1").output


def test_json_is_what_the_api_said() -> None:
    """--json prints the API's own objects, unknown fields included."""
    result = Api({"GET /v1/keys": page(key(colour="red"))}).run("keys", "list", "--json")

    assert [key(colour="red")] == json.loads(result.output)
