"""A handler as it is deployed: the decorator over PostgreSQL and Valkey, from event to answer."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest

from orchstack.kernel.db import outbox
from orchstack.kernel.errors import NotFound
from orchstack.kernel.http import Answer, Request
from orchstack.kernel.tenancy import Principal
from orchstack.wiring.database import database
from orchstack.wiring.http import endpoint
from tests import make
from tests.unit.kernel.endpoints import MAKE, WATCH, Thing, make_event

pytestmark = pytest.mark.usefixtures("function_environment")


def _announce(tenant_id: UUID) -> None:
    with database().transaction(tenant_id) as tx:
        outbox.write(tx, make.announcement(tenant_id))


@endpoint(MAKE)
def make_thing(request: Request[Any, Any]) -> Answer:
    """Announce the thing, unless it is a bad one."""
    _announce(request.principal.tenant_id)
    if request.body.name == "bad":
        raise NotFound
    return Answer(body=request.body, status=201)


@endpoint(WATCH)
def watch(_request: Request[Any, Any]) -> Answer:
    """Answer at once."""
    return Answer(body=Thing(name="w"))


def _announced(admin_dsn: str) -> int:
    with psycopg.connect(admin_dsn) as admin:
        return len(admin.execute("select 1 from app.outbox").fetchall())


def _send(caller: Principal, name: str = "a", key: str = "k1") -> dict[str, Any]:
    event = make_event({"name": name}, headers={"Idempotency-Key": key}, caller=caller)
    reply: dict[str, Any] = make_thing(event, make.LambdaContext())
    return reply


def test_a_repeated_request_has_one_effect(admin_dsn: str) -> None:
    """The change, its event and its answer are one: the repetition adds nothing."""
    caller = make.principal()
    first, second = _send(caller), _send(caller)
    assert (201, first["body"]) == (second["statusCode"], second["body"])
    assert "true" == second["headers"]["Idempotency-Replayed"]
    assert 1 == _announced(admin_dsn)


def test_nothing_of_a_refused_request_remains(admin_dsn: str) -> None:
    """An error undoes the change and its event, and the key may be used again."""
    caller = make.principal()
    assert 404 == _send(caller, "bad")["statusCode"]
    assert 0 == _announced(admin_dsn)
    assert 201 == _send(caller)["statusCode"]


def test_every_answer_tells_the_limits() -> None:
    """RateLimit headers come from the gate that is deployed."""
    reply = _send(make.principal())
    assert {"RateLimit", "RateLimit-Policy"} <= set(reply["headers"])


def test_a_streaming_handler_is_a_generator() -> None:
    """The runtime takes the head first, then the body."""
    event = make.rest_event(caller=make.principal())
    head, body = watch(event, make.LambdaContext())
    assert (200, "w") == (head["statusCode"], json.loads(body)["name"])


def test_a_database_that_is_down_is_a_503(function_environment: pytest.MonkeyPatch) -> None:
    """The caller is told to come back, and the same key is safe."""
    function_environment.setenv("ORCHSTACK_DATABASE_PORT", "1")
    reply = _send(make.principal())
    assert (503, True) == (reply["statusCode"], "Retry-After" in reply["headers"])
