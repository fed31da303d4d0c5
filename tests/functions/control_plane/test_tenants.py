"""Making and listing tenants, by the platform's administrator."""

from __future__ import annotations

import pytest

from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import PLATFORM_TENANT, Principal
from tests.functions.control_plane.conftest import Invoke, administrator


@pytest.fixture(autouse=True)
def as_platform(function_environment: pytest.MonkeyPatch) -> None:
    """These functions connect as the platform role."""
    function_environment.setenv("ORCHSTACK_DATABASE_USER", "orchstack_platform")


def test_a_tenant_is_made_with_a_key(invoke: Invoke, database: Database) -> None:
    """Row, key, events and audit entries are there, in the new tenant's own sight."""
    reply = invoke("create_tenant", "POST", body={"name": "Acme"}, caller=administrator())

    assert 201 == reply.status
    assert reply.body["first_key"]["secret"].startswith("os_live_")
    with database.transaction(reply.body["tenant"]["id"]) as tx:
        actions = [row["action"] for row in tx.all("select action from app.audit_entries")]
        names = [row["name"] for row in tx.all("select name from app.tenants")]
    assert ["key.create", "tenant.create"] == sorted(actions)
    assert ["Acme"] == names


def test_a_repeated_request_makes_no_second_tenant(
    invoke: Invoke, platform_database: Database
) -> None:
    """The answer comes again, without the secret that is shown once."""
    key = {"Idempotency-Key": "one"}
    first, again = (
        invoke("create_tenant", "POST", body={"name": "A"}, headers=key, caller=administrator())
        for _ in range(2)
    )

    assert (201, 201) == (first.status, again.status)
    assert first.body["tenant"] == again.body["tenant"]
    assert again.body["first_key"]["secret"] is None
    with platform_database.transaction(PLATFORM_TENANT) as tx:
        assert 1 == len(tx.all("select id from app.tenants"))
        (stored,) = tx.all("select body from app.idempotency_answers")
    assert first.body["first_key"]["secret"] not in stored["body"]


def test_tenants_are_listed_in_pages(invoke: Invoke) -> None:
    """Newest first; the cursor leads on."""
    caller = administrator()
    made = [
        invoke("create_tenant", "POST", body={"name": name}, caller=caller).body["tenant"]["id"]
        for name in "abc"
    ]
    first = invoke("list_tenants", query={"limit": "2"}, caller=caller)
    cursor = {"limit": "2", "cursor": first.body["next_cursor"]}
    second = invoke("list_tenants", query=cursor, caller=caller)

    listed = [tenant["id"] for reply in (first, second) for tenant in reply.body["items"]]
    assert sorted(made, reverse=True) == listed
    assert not second.body["has_more"]


def test_a_tenants_key_makes_no_tenant(invoke: Invoke, owner: Principal) -> None:
    """Whatever its scopes."""
    for function, method in (("create_tenant", "POST"), ("list_tenants", "GET")):
        reply = invoke(function, method, body={"name": "A"}, caller=owner)

        assert (403, "forbidden") == (reply.status, reply.body["code"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\u0000b"},
        {"name": "a" * 101},
        {"name": "a", "plan": "gold"},
        {"name": "a", "limits": {"requests_per_minute": 0}},
        {"name": "a", "limits": {"requests_per_minute": "10"}},
        {"name": 1},
    ],
)
def test_a_bad_tenant_is_refused(
    invoke: Invoke, platform_database: Database, body: dict[str, object]
) -> None:
    """With the fault's place; nothing of it remains."""
    reply = invoke("create_tenant", "POST", body=body, caller=administrator())

    assert 400 == reply.status
    assert "invalid_request" == reply.body["code"]
    with platform_database.transaction(PLATFORM_TENANT) as tx:
        assert [] == tx.all("select id from app.tenants")
