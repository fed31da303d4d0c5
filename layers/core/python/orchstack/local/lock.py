"""One local cloud per state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from orchstack.local.failures import AlreadyRunning


class StateLock:
    """A lock the kernel takes back when its process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the state directory."""
        self._path = folder / "lock"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Lock the directory; raises AlreadyRunning, naming the process that has it."""
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise AlreadyRunning(
                f"{self._path.parent} is in use by process {holder}; stop it, or name another state"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            self._file.close()
            self._file = None
