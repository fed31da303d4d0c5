"""Each store that ships, empty."""

from __future__ import annotations

import pytest

from tests.contract.memory_mgr import worlds
from tests.contract.memory_mgr.worlds import World


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    """The stores of sessions, in memory and in PostgreSQL."""
    if request.param == "memory":
        return worlds.in_memory()
    return worlds.in_postgres(
        request.getfixturevalue("database"), request.getfixturevalue("admin_dsn")
    )


@pytest.fixture
def postgres_world(request: pytest.FixtureRequest) -> World:
    """The stores of sessions in PostgreSQL."""
    return worlds.in_postgres(
        request.getfixturevalue("database"), request.getfixturevalue("admin_dsn")
    )
