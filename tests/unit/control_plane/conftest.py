"""A control plane for each test."""

from __future__ import annotations

import pytest

from tests.unit.control_plane.world import ControlPlane


@pytest.fixture
def plane() -> ControlPlane:
    """A control plane without any tenant."""
    return ControlPlane()
