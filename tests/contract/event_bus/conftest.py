"""AWS as the event bus sees it, and an outbox over each adapter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchstack.event_bus.adapters.in_memory import InMemoryOutbox
from orchstack.event_bus.adapters.postgres import PostgresAnnouncements, PostgresOutbox
from tests.contract.event_bus.aws_stub import AwsStub, running
from tests.contract.event_bus.worlds import MemoryWorld, PostgresWorld, World


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStub]:
    """AWS on loopback, which boto3 talks to."""
    with running() as stub:
        for name, value in stub.environment.items():
            monkeypatch.setenv(name, value)
        yield stub


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    """Each adapter in turn."""
    if request.param == "memory":
        return MemoryWorld(InMemoryOutbox())
    database = request.getfixturevalue("database")
    return PostgresWorld(
        database,
        PostgresOutbox(request.getfixturevalue("platform_database")),
        PostgresAnnouncements(database),
    )
