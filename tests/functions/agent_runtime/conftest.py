"""The runtime's functions as Lambda calls them, over real servers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from redis.cluster import RedisCluster

from orchstack.control_plane.adapters.postgres import PostgresTenants
from orchstack.control_plane.service.tenants import TenantAdministration
from orchstack.event_bus.adapters.nudge import FLAG
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import PLATFORM_TENANT, Principal, RequestLimits, Scope
from orchstack.wiring.control_plane import agents
from tests import make

RUNS = "/v1/agents/adder/runs"
QUESTION = "What is 17 * 23?"


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its headers, and its body as text."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.text)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The body, read as Server-Sent Events."""
        frames = [frame.split("\n") for frame in self.text.strip().split("\n\n")]
        return [dict(line.split(": ", 1) for line in frame) for frame in frames]


Ask = Callable[..., Reply]


def handler_of(function: str) -> Callable[[Any, Any], Any]:
    """Give the handler in functions/agent_runtime/<function>.py."""
    handler: Callable[[Any, Any], Any] = importlib.import_module(
        f"functions.agent_runtime.{function}"
    ).handler
    return handler


@pytest.fixture
def caller(
    function_environment: pytest.MonkeyPatch, cache: RedisCluster, platform_database: Database
) -> Principal:
    """A tenant whose agent answers with the built-in model; the relay counts as nudged already."""
    function_environment.setenv("ORCHSTACK_NUDGE_QUEUE_URL", "http://127.0.0.1:1/none")
    function_environment.setenv("ORCHSTACK_PROVIDERS_SECRET_ARN", "arn:none")
    cache.set(FLAG, "1")
    principal = a_tenant(platform_database)
    agents().publish(principal, "adder", make.agent_document(model="builtin/echo"))
    return principal


def a_tenant(platform_database: Database) -> Principal:
    """A tenant that exists, and a caller of its."""
    tenants = TenantAdministration(PostgresTenants(platform_database), SystemClock())
    administrator = make.principal(PLATFORM_TENANT, frozenset(Scope))
    return make.principal(tenants.create(administrator, "Acme", RequestLimits()).tenant.id)


@pytest.fixture
def ask(caller: Principal) -> Ask:
    """Start a run by the streaming function; gives its head and all that it wrote."""

    def call(body: Any, *, agent: str = "adder", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        event = make.rest_event("POST", RUNS, body=body, headers=named, caller=caller, agent=agent)
        head, *chunks = handler_of("start_run")(event, make.LambdaContext(remaining_ms=60_000))
        return Reply(head["statusCode"], head["headers"], "".join(chunks))

    return call


@pytest.fixture
def get(caller: Principal) -> Ask:
    """Call a function that reads."""

    def call(function: str, *, reader: Principal = caller, **parts: Any) -> Reply:
        event = make.rest_event("GET", caller=reader, **parts)
        answer = handler_of(function)(event, make.LambdaContext())
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    return call
