"""The local cloud: everything a cloud assembly needs, in one process tree on loopback."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchstack.control_plane.keys import platform_key
from orchstack.kernel.plain import JsonObject
from orchstack.local.addresses import Addresses
from orchstack.local.assembly import Stack, read_assembly
from orchstack.local.lock import StateLock
from orchstack.local.ports import LOOPBACK, free_port
from orchstack.local.postgres import GivenPostgres, Postgres, PostgresServer
from orchstack.local.running import Running
from orchstack.local.valkey import ValkeyServer

PREFERRED_PORT = 4700

# The output by which the assembly tells where the key of the first administrator is.
_PLATFORM_KEY_OUTPUT = "PlatformKeySecret"


@dataclass(frozen=True)
class CloudInfo:
    """What others need to find a running local cloud; it stands in cloud.json."""

    pid: int
    api_url: str
    socket_url: str
    aws_endpoint: str
    database_dsn: str
    cache_port: int
    log_file: str
    platform_key: str | None
    outputs: dict[str, JsonObject]


class LocalCloud(Running):
    """Runs one assembly over one state directory; also a context manager."""

    def __init__(
        self,
        assembly_dir: Path,
        state_dir: Path,
        port: int = 0,
        *,
        postgres_dsn: str | None = None,
        on_phase: Callable[[str, float], None] = lambda _phase, _seconds: None,
    ) -> None:
        """Take what to run, where to keep state, the gateway's port (0: any free one).

        `postgres_dsn` names a server to use instead of the embedded one; `on_phase` hears of each
        part of the start when it is done, with the seconds it took.
        """
        self.timings: dict[str, float] = {}
        self._assembly_dir = assembly_dir
        self._state_dir = state_dir.absolute()
        self._port = port
        self._postgres_dsn = postgres_dsn
        self._on_phase = on_phase
        self._running = ExitStack()

    def start(self) -> CloudInfo:
        """Start everything, deploy the assembly and serve it.

        Raises AlreadyRunning, CannotDeploy or Unavailable; then nothing is left running.
        """
        try:
            with self._phase("total"):
                stacks = read_assembly(self._assembly_dir)
                self._lock()
                return self._start(stacks)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, in the reverse order of the start."""
        self._running.close()

    def _lock(self) -> None:
        self._state_dir.mkdir(parents=True, exist_ok=True)
        lock = StateLock(self._state_dir)
        lock.acquire()
        self._running.callback(lock.release)

    def _start(self, stacks: tuple[Stack, ...]) -> CloudInfo:
        addresses = Addresses(LOOPBACK, free_port(self._port))
        postgres, valkey = self._postgres(), ValkeyServer()
        with ThreadPoolExecutor(2) as pool:
            self._running.callback(postgres.stop)
            self._running.callback(valkey.stop)
            starting = [
                pool.submit(self._timed, "postgres", postgres.start),
                pool.submit(self._timed, "valkey", valkey.start),
            ]
            # moto takes seconds to import; the servers start meanwhile.
            with self._phase("imports"):
                from orchstack.local.parts import Parts
            starting[0].result()
            parts = Parts(self._state_dir, addresses, postgres)
            self._running.callback(parts.stop)
            self._timed("state", parts.start)
            starting[1].result()
        with self._phase("deploy"):
            site, outputs = parts.deploy(stacks, valkey)
        with self._phase("gateway"):
            parts.serve(site)
        info = CloudInfo(
            pid=os.getpid(),
            api_url=addresses.http,
            socket_url=addresses.socket,
            aws_endpoint=parts.server.endpoint,
            database_dsn=postgres.dsn(),
            cache_port=valkey.port,
            log_file=str(parts.log_file),
            platform_key=_platform_key(parts.clients.get("secretsmanager"), outputs),
            outputs=outputs,
        )
        self._publish(info)
        return info

    def _postgres(self) -> Postgres:
        if self._postgres_dsn:
            return GivenPostgres(self._postgres_dsn)
        return PostgresServer(self._state_dir / "postgres", durable=True)

    def _publish(self, info: CloudInfo) -> None:
        file = self._state_dir / "cloud.json"
        draft = file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(info), indent=2), "utf-8")
        draft.replace(file)
        self._running.callback(file.unlink, missing_ok=True)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings[name] = time.monotonic() - began
        self._on_phase(name, self.timings[name])

    def _timed(self, name: str, work: Callable[[], None]) -> None:
        with self._phase(name):
            work()


def _platform_key(secrets: Any, outputs: dict[str, JsonObject]) -> str | None:
    for named in outputs.values():
        if _PLATFORM_KEY_OUTPUT in named:
            answer = secrets.get_secret_value(SecretId=named[_PLATFORM_KEY_OUTPUT])
            return platform_key(str(answer["SecretString"]))
    return None
