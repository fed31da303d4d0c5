"""Starts and stops the small model's server, a child that never outlives this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import orchstack
from orchstack.kernel.errors import Unavailable
from orchstack.local import children
from orchstack.local.llm.loopback import ask
from orchstack.local.llm.serve import MODEL, weights
from orchstack.local.running import Running

READY_WITHIN_S: Final = 60.0

_LOOK_EVERY_S: Final = 0.05
_STOP_WITHIN_S: Final = 2.0
_PROBE_WITHIN_S: Final = 1.0


class SmallModelServer(Running):
    """SmolLM2 behind OpenAI's chat API on a free port of loopback; also a context manager."""

    model = MODEL

    def __init__(self) -> None:
        """Prepare; nothing runs before `start`."""
        self.base_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server; 0 while it is not running."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> str:
        """Start the server; gives its base address. Raises Unavailable, with what it said last."""
        weights()
        self._folder = tempfile.TemporaryDirectory(prefix="orchstack-llm-")
        folder = Path(self._folder.name)
        address = folder / "address"
        with (folder / "log").open("wb") as log:
            self._process = children.spawn(
                [sys.executable, "-m", "orchstack.local.llm.serve", str(address)],
                log=log,
                env={**os.environ, "PYTHONPATH": str(Path(orchstack.__file__).parents[1])},
                death_signal=signal.SIGTERM,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            written = address.read_text(encoding="utf-8") if address.exists() else ""
            if written and ask(f"{written}/health", _PROBE_WITHIN_S):
                self.base_url = f"{written}/v1"
                return self.base_url
            time.sleep(_LOOK_EVERY_S)
        said = (folder / "log").read_text(encoding="utf-8", errors="replace")[-500:]
        self.stop()
        raise Unavailable(f"The small local model did not start: {said}")

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self._process is not None:
            children.end(self._process, signal.SIGTERM, _STOP_WITHIN_S)
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
