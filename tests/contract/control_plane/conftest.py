"""Each contract runs over every world."""

from __future__ import annotations

import pytest

from tests.contract.control_plane.worlds import World, in_memory, in_postgres


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    """The stores, in memory and in PostgreSQL."""
    if request.param == "memory":
        return in_memory()
    return in_postgres(
        request.getfixturevalue("database"), request.getfixturevalue("platform_database")
    )
