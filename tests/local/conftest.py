"""Fixtures of the local cloud's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.edge_kit import Edge
from tests.local.kit import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The state half of the local cloud, empty, with callables for functions."""
    cloud = Cloud()
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The compute and edge half of the local cloud, started once."""
    edge = Edge(tmp_path_factory.mktemp("edge"))
    yield edge
    edge.stop()
