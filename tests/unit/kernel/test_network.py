from __future__ import annotations

import socket

import pytest
from pytest_socket import SocketBlockedError


def test_unit_tests_reach_nothing() -> None:
    """A unit test that opens a socket fails, so that none depends on a machine."""
    with pytest.raises((SocketBlockedError, UserWarning), match="socket"):
        socket.create_connection(("127.0.0.1", 1))
