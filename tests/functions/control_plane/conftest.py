"""Handlers as Lambda calls them, over real servers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from redis.cluster import RedisCluster

from orchstack.control_plane.adapters.postgres import PostgresTenants
from orchstack.control_plane.adapters.postgres_credentials import PostgresCredentials
from orchstack.control_plane.model.tenants import IssuedTenant
from orchstack.control_plane.service.authenticator import Authenticator
from orchstack.control_plane.service.tenants import TenantAdministration
from orchstack.event_bus.adapters.nudge import FLAG
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import PLATFORM_TENANT, Principal, RequestLimits, Scope
from tests import make


@dataclass(frozen=True)
class Reply:
    """An answer with its body read."""

    status: int
    headers: dict[str, str]
    body: Any
    text: str


Invoke = Callable[..., Reply]
NewTenant = Callable[..., tuple[IssuedTenant, Principal]]


def handler_of(function: str) -> Callable[[Any, Any], Any]:
    """Give the handler in functions/control_plane/<function>.py."""
    handler: Callable[[Any, Any], Any] = importlib.import_module(
        f"functions.control_plane.{function}"
    ).handler
    return handler


@pytest.fixture
def invoke(function_environment: pytest.MonkeyPatch, cache: RedisCluster) -> Invoke:
    """Call a function with a REST event; the relay counts as nudged already."""
    function_environment.setenv("ORCHSTACK_NUDGE_QUEUE_URL", "http://127.0.0.1:1/none")
    cache.set(FLAG, "1")

    def call(function: str, method: str = "GET", **parts: Any) -> Reply:
        event = make.rest_event(method, **parts)
        answer = handler_of(function)(event, make.LambdaContext())
        body = json.loads(answer["body"])
        return Reply(answer["statusCode"], answer["headers"], body, answer["body"])

    return call


@pytest.fixture
def new_tenant(platform_database: Database, database: Database) -> NewTenant:
    """Make a tenant; gives it with the principal of its first key."""
    clock = SystemClock()
    administration = TenantAdministration(PostgresTenants(platform_database), clock)
    authenticator = Authenticator(PostgresCredentials(database), clock)

    def make_one(limits: RequestLimits | None = None) -> tuple[IssuedTenant, Principal]:
        issued = administration.create(administrator(), "Acme", limits or RequestLimits())
        return issued, authenticator.authenticate(issued.first_key.secret)

    return make_one


@pytest.fixture
def owner(new_tenant: NewTenant) -> Principal:
    """The holder of a tenant's first key."""
    return new_tenant()[1]


def administrator() -> Principal:
    """Somebody who may make tenants."""
    return make.principal(PLATFORM_TENANT, frozenset({Scope.PLATFORM_ADMIN}))
