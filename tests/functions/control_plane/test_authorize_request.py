"""The authorizer, called as API Gateway calls it."""

from __future__ import annotations

from typing import Any

import pytest

from orchstack.control_plane.keys import make_key
from orchstack.kernel.errors import Unauthenticated, Unavailable
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal
from orchstack.local.ports import free_port
from tests import make
from tests.functions.control_plane.conftest import Invoke, NewTenant, handler_of

API = "arn:aws:execute-api:eu-central-1:123456789012:abc123/live"
pytestmark = pytest.mark.usefixtures("invoke")


def _rest(*authorization: str, name: str = "Authorization", **query: str) -> dict[str, Any]:
    return {
        "type": "REQUEST",
        "methodArn": f"{API}/GET/v1/agents",
        "headers": {name: authorization[-1]} if authorization else {},
        "multiValueHeaders": {name: list(authorization)} if authorization else {},
        "queryStringParameters": query or None,
        "requestContext": {"resourcePath": "/v1/agents"},
    }


def _socket(*authorization: str, **query: str) -> dict[str, Any]:
    return {
        **_rest(*authorization, **query),
        "methodArn": f"{API}/$connect",
        "requestContext": {"connectionId": "abc=", "eventType": "CONNECT"},
    }


def _authorize(event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = handler_of("authorize_request")(event, make.LambdaContext())
    return answer


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_good_key_opens_the_whole_stage(new_tenant: NewTenant, name: str, scheme: str) -> None:
    """The policy covers every route, because the answer is kept for all of them."""
    issued, principal = new_tenant()

    answer = _authorize(_rest(f"{scheme} {issued.first_key.secret}", name=name))

    (statement,) = answer["policyDocument"]["Statement"]
    assert {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": f"{API}/*",
    } == statement
    assert principal == Principal.model_validate_json(answer["context"]["principal"])
    assert str(issued.first_key.secret) not in str(answer)


def test_a_socket_may_bring_its_key_in_the_query(new_tenant: NewTenant) -> None:
    """Browsers cannot set headers there; on the REST API the query is not looked at."""
    secret = str(new_tenant()[0].first_key.secret)

    assert f"{API}/*" in str(_authorize(_socket(key=secret)))
    assert f"{API}/*" in str(_authorize(_socket(f"Bearer {secret}")))
    with pytest.raises(Unauthenticated):
        _authorize(_rest(key=secret))


def test_an_unknown_key_is_refused_as_api_gateway_wants(new_tenant: NewTenant) -> None:
    """The message is the word that becomes 401, whether the tenant exists or not."""
    tenant_id = new_tenant()[0].tenant.id
    for text in (make_key(tenant_id, "live"), make_key(new_id(), "live"), "os_live_x", ""):
        with pytest.raises(Unauthenticated, match=r"^Unauthorized$"):
            _authorize(_rest(f"Bearer {text}"))


def test_other_ways_to_say_who_one_is_are_refused(new_tenant: NewTenant) -> None:
    """No header, another scheme, no scheme, and two headers of which one would do."""
    secret = str(new_tenant()[0].first_key.secret)
    for given in ((), (f"Basic {secret}",), (secret,), (f"Bearer {secret}", "Bearer x")):
        with pytest.raises(Unauthenticated, match=r"^Unauthorized$"):
            _authorize(_rest(*given))


def test_a_revoked_key_is_refused(new_tenant: NewTenant, invoke: Invoke) -> None:
    """By the row, without the gate."""
    issued, owner = new_tenant()
    invoke("revoke_key", "DELETE", caller=owner, key_id=str(owner.key_id))

    with pytest.raises(Unauthenticated, match=r"^Unauthorized$"):
        _authorize(_rest(f"Bearer {issued.first_key.secret}"))


def test_without_a_database_nobody_is_refused(function_environment: pytest.MonkeyPatch) -> None:
    """The error is not the word for 401: API Gateway answers 500, which becomes a 503."""
    function_environment.setenv("ORCHSTACK_DATABASE_PORT", str(free_port()))

    with pytest.raises(Unavailable) as error:
        _authorize(_rest(f"Bearer {make_key(new_id(), 'live')}"))

    assert "Unauthorized" != str(error.value)
