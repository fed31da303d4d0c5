"""What anybody may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchstack.local.ports import free_port
from orchstack.wiring.openapi import agent_schema, describe
from tests import make
from tests.functions.control_plane.conftest import Invoke, handler_of


def test_health_is_told_to_anybody(invoke: Invoke) -> None:
    """Each store by name."""
    reply = invoke("check_health", path="/healthz")

    assert 200 == reply.status
    assert {"status": "ok", "database": "ok", "cache": "ok"} == reply.body


@pytest.mark.parametrize(
    ("variable", "name"),
    [("ORCHSTACK_DATABASE_PORT", "database"), ("ORCHSTACK_CACHE_PORT", "cache")],
)
def test_a_store_that_is_away_is_named(
    invoke: Invoke, function_environment: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    """As a problem that says when to ask again."""
    function_environment.setenv(variable, str(free_port()))

    reply = invoke("check_health", path="/healthz")

    assert (503, "unavailable") == (reply.status, reply.body["code"])
    assert f"Not answering: {name}." == reply.body["detail"]
    assert "5" == reply.headers["Retry-After"]


@pytest.mark.parametrize(
    ("route", "document"), [("/openapi.json", describe), ("/schemas/agent.json", agent_schema)]
)
def test_the_descriptions_need_nothing(route: str, document: Any) -> None:
    """Neither a key nor a database nor an environment."""
    event = {**make.rest_event(path=route), "resource": route}

    answer = handler_of("describe_api")(event, make.LambdaContext())

    assert 200 == answer["statusCode"]
    assert json.loads(json.dumps(document())) == json.loads(answer["body"])
