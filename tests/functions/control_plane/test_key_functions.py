"""Making, listing and revoking keys over HTTP."""

from __future__ import annotations

from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal, RequestLimits
from tests.functions.control_plane.conftest import Invoke, NewTenant


def test_a_secret_is_shown_once(invoke: Invoke, owner: Principal) -> None:
    """In the first answer; neither in a replay nor in the list."""
    wish = {"name": "build", "scopes": ["runs:write"], "expires_in_s": 3_600}
    header = {"Idempotency-Key": "one"}
    first, again = (
        invoke("create_key", "POST", body=wish, headers=header, caller=owner) for _ in range(2)
    )
    listed = invoke("list_keys", caller=owner)

    assert (201, 201) == (first.status, again.status)
    assert "true" == again.headers["Idempotency-Replayed"]
    assert first.body["key"] == again.body["key"] == listed.body["items"][0]
    assert first.body["secret"] not in again.text + listed.text
    assert 2 == len(listed.body["items"])


def test_a_key_cannot_grant_what_it_lacks(invoke: Invoke, owner: Principal) -> None:
    """The platform's scope is nobody's to give."""
    wish = {"name": "root", "scopes": ["platform:admin"]}

    reply = invoke("create_key", "POST", body=wish, caller=owner)

    assert (403, "forbidden") == (reply.status, reply.body["code"])
    assert 1 == len(invoke("list_keys", caller=owner).body["items"])


def test_a_revoked_key_is_refused_although_it_was_verified(
    invoke: Invoke, new_tenant: NewTenant
) -> None:
    """The next request with the cached principal answers 401."""
    _, owner = new_tenant()
    revoked = invoke("revoke_key", "DELETE", caller=owner, key_id=str(owner.key_id))

    reply = invoke("list_keys", caller=owner)

    assert 200 == revoked.status
    assert revoked.body["revoked_at"] is not None
    assert (401, "unauthenticated") == (reply.status, reply.body["code"])


def test_too_many_requests_are_told_to_wait(invoke: Invoke, new_tenant: NewTenant) -> None:
    """With the headers of the draft, on success and on refusal."""
    limits = RequestLimits(requests_per_minute=5, requests_per_minute_per_key=1)
    _, owner = new_tenant(limits)

    passed, refused = invoke("list_keys", caller=owner), invoke("list_keys", caller=owner)

    assert (200, 429) == (passed.status, refused.status)
    assert '"tenant";q=5;w=60, "key";q=1;w=60' == passed.headers["RateLimit-Policy"]
    assert passed.headers["RateLimit-Policy"] == refused.headers["RateLimit-Policy"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_another_tenants_key_looks_absent(invoke: Invoke, new_tenant: NewTenant) -> None:
    """The bodies differ in nothing but the path and the request's own id."""
    (_, mine), (_, other) = new_tenant(), new_tenant()
    foreign, absent = (
        invoke("revoke_key", "DELETE", path="/v1/keys/x", caller=mine, key_id=str(key_id))
        for key_id in (other.key_id, new_id())
    )

    assert (404, 404) == (foreign.status, absent.status)
    assert {**absent.body, "request_id": ""} == {**foreign.body, "request_id": ""}
    assert 200 == invoke("list_keys", caller=other).status
