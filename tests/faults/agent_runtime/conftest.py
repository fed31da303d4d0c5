"""Faults are planted over every store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.agent_runtime.worlds import Stage, in_memory, in_postgres

MakeStage = Callable[..., Stage]


@pytest.fixture(params=["memory", "postgres"])
def make_stage(request: pytest.FixtureRequest) -> MakeStage:
    """Makes a stage in memory and over PostgreSQL."""
    if request.param == "memory":
        return in_memory
    database = request.getfixturevalue("database")

    def make(*args: Any, **more: Any) -> Stage:
        return in_postgres(database, *args, **more)

    return make


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage on which one tool is wished for, and then the answer given."""
    return make_stage()
