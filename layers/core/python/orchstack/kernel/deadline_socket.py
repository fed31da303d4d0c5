"""A socket whose time-out counts for all that follows, not for each read.

Bytes that drip in one by one cannot stretch a call past its deadline.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Self, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ_SIZE: Final = 64 * 1024


class DeadlineSocket:
    """Wraps a connected socket (plain or TLS) for `http.client` and whatever builds on it."""

    def __init__(self, inner: socket.socket, seconds: float | None) -> None:
        """Give the socket the seconds it has from now on; None for any time."""
        self._inner = inner
        self.settimeout(seconds)

    @classmethod
    def wrap(cls, inner: socket.socket, seconds: float | None) -> socket.socket:
        """Make one that passes for a socket wherever `http.client` wants one."""
        return cast("socket.socket", cls(inner, seconds))

    def settimeout(self, seconds: float | None) -> None:
        """Set how many seconds are left for everything that follows."""
        self._until = None if seconds is None else time.monotonic() + seconds
        self._inner.settimeout(seconds)

    def shorten(self, seconds: float) -> None:
        """Leave at most the given seconds for everything that follows."""
        soon = time.monotonic() + seconds
        self._until = soon if self._until is None else min(self._until, soon)

    def sendall(self, data: bytes) -> None:
        """Send everything. Raises TimeoutError at the deadline."""
        left = memoryview(data).cast("B")
        while left:
            self._arm()
            left = left[self._inner.send(left) :]

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        """Give a reader that raises TimeoutError at the deadline."""
        return io.BufferedReader(
            _Reader(self._inner.makefile(mode, buffering=0), self._arm), _READ_SIZE
        )

    def fileno(self) -> int:
        """Give the file descriptor, for `select` and `poll`."""
        return self._inner.fileno()

    def shutdown(self, how: int) -> None:
        """Shut one or both directions."""
        self._inner.shutdown(how)

    def getpeername(self) -> tuple[str, int]:
        """Give the address at the other end."""
        host, port, *_ = self._inner.getpeername()
        return host, port

    def close(self) -> None:
        """Close the socket."""
        self._inner.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self.close()

    def _arm(self) -> None:
        if self._until is None:
            return
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        self._inner.settimeout(seconds)


class _Reader(io.RawIOBase):
    """Reads from a socket's raw file, arming the time-out before each read."""

    def __init__(self, raw: socket.SocketIO, arm: Callable[[], None]) -> None:
        super().__init__()
        self._raw = raw
        self._arm = arm

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        self._arm()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
