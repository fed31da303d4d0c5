"""A worker's standard output and error as lines, each with the invocation that wrote it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

# A longer line is cut into several.
_LONGEST_LINE = 256 * 1024


class Output:
    """The read end of the pipe a worker writes to.

    `drain` takes what is already in the pipe: called when an invocation ends, it gives every line
    to the invocation that wrote it, whichever of pipe and socket the event loop saw first.
    """

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""
        self._read, self.write_end = os.pipe()
        os.set_blocking(self._read, False)
        self._open = True
        asyncio.get_running_loop().add_reader(self._read, self.drain)

    def drain(self) -> None:
        """Hand on every whole line the worker has written so far."""
        while self._open:
            try:
                data = os.read(self._read, 65536)
            except BlockingIOError:
                return
            if not data:
                self.close()
                return
            self._feed(data)

    def close(self) -> None:
        """Hand on what is left and read no more; call it twice if you like."""
        if not self._open:
            return
        self._open = False
        asyncio.get_running_loop().remove_reader(self._read)
        os.close(self._read)
        if self._rest:
            self._take(self._rest)

    def _feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line:
                self._take(line)
        while len(self._rest) > _LONGEST_LINE:
            self._take(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
