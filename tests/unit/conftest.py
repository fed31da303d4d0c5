"""Unit tests reach nothing: no network, no other process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    """No sockets at all."""
    disable_socket()
    yield
    enable_socket()
