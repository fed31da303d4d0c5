"""The memory manager's functions as Lambda calls them, over real servers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from redis.cluster import RedisCluster

from orchstack.event_bus.adapters.nudge import FLAG
from orchstack.kernel.chat import Message, Role
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal
from orchstack.wiring.control_plane import agents
from orchstack.wiring.database import database as wired_database
from orchstack.wiring.memory_mgr import session_memory
from tests import make
from tests.functions.agent_runtime.conftest import a_tenant


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


Invoke = Callable[..., Reply]
Say = Callable[..., None]


@pytest.fixture
def caller(
    function_environment: pytest.MonkeyPatch, cache: RedisCluster, platform_database: Database
) -> Principal:
    """A tenant that has an agent; the relay counts as nudged already."""
    function_environment.setenv("ORCHSTACK_NUDGE_QUEUE_URL", "http://127.0.0.1:1/none")
    cache.set(FLAG, "1")
    principal = a_tenant(platform_database)
    agents().publish(principal, "adder", make.agent_document(model="builtin/echo"))
    return principal


@pytest.fixture
def invoke(caller: Principal) -> Invoke:
    """Call a function with a REST event."""

    def call(function: str, method: str = "GET", *, by: Principal = caller, **parts: Any) -> Reply:
        handler = importlib.import_module(f"functions.memory_mgr.{function}").handler
        event = make.rest_event(method, caller=by, **parts)
        answer = handler(event, make.LambdaContext())
        if isinstance(answer, dict):
            return Reply(answer["statusCode"], answer["headers"], answer["body"])
        head, *chunks = answer
        return Reply(head["statusCode"], head["headers"], "".join(chunks))

    return call


@pytest.fixture
def say(caller: Principal, admin_dsn: str) -> Say:
    """Say something in a session, as a run does; which run is the journal's business."""
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("alter table app.session_messages disable trigger all")

    def call(session_id: str, *words: str) -> None:
        roles = [Role.USER, Role.ASSISTANT]
        turns = [Message(role=roles[n % 2], content=word) for n, word in enumerate(words)]
        with wired_database().transaction(caller.tenant_id):
            session_memory().remember(caller.tenant_id, UUID(session_id), new_id(), turns)

    return call
