"""Fixtures of the local cloud's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.kit import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The state half of the local cloud, empty, with callables for functions."""
    cloud = Cloud()
    yield cloud
    cloud.stop()
