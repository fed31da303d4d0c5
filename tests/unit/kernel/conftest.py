from __future__ import annotations

import pytest

from tests.unit.kernel.endpoints import House


@pytest.fixture
def house() -> House:
    """Endpoints over in-memory parts."""
    return House()
