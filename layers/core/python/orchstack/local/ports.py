"""Ports of this machine's loopback interface."""

from __future__ import annotations

import socket
from contextlib import closing

LOOPBACK = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """Find a free TCP port on loopback: the preferred one if nobody listens there, else any."""
    for port in (preferred, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    msg = "no free port on loopback"
    raise OSError(msg)
