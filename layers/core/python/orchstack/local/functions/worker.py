"""One worker: a real Lambda runtime in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from enum import Enum, auto

from orchstack.local.functions.environment import command, environment
from orchstack.local.functions.invocation import Invocation
from orchstack.local.functions.memory import resident_bytes
from orchstack.local.functions.model import FunctionSpec
from orchstack.local.functions.output import Output
from orchstack.local.logs import LogSink, Source


class State(Enum):
    """Where a worker stands."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    # It has answered and will ask for its next invocation in a moment.
    RETURNING = auto()
    # It will end, or ends as soon as its invocation is over; it gets no further one.
    DOOMED = auto()


class Worker:
    """A process that asks for invocations one by one; its pool decides what it gets."""

    def __init__(self, spec: FunctionSpec, worker_id: str, log: LogSink) -> None:
        self.spec = spec
        self.id = worker_id
        self.state = State.STARTING
        self.current: Invocation | None = None
        self._next: asyncio.Future[Invocation] | None = None
        self.idle_since = 0.0
        self.peak_bytes = 0
        # How long the start took; reported with the first invocation, then forgotten.
        self.init_s: float | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.out_of_memory = False
        self._born = time.monotonic()
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.output = Output(self._line)

    async def run(self, runtime_api: str, overrides: Mapping[str, str]) -> int:
        """Start the process and wait for its end; gives its return code (negative: a signal)."""
        try:
            env = environment(self.spec, self.id, runtime_api, overrides)
            self._process = await asyncio.create_subprocess_exec(
                *command(self.spec),
                cwd=self.spec.code_dir,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self.output.write_end,
                stderr=asyncio.subprocess.STDOUT,
                process_group=0,
            )
        finally:
            os.close(self.output.write_end)
        if self.state is State.DOOMED:
            self.kill()
        code = await self._process.wait()
        self.output.drain()
        self.output.close()
        if self._next is not None:
            self._next.cancel()
        return code

    def park(self) -> asyncio.Future[Invocation]:
        """Note that the runtime asks for an invocation; one that is doomed asks in vain."""
        if not self.ready.done():
            self.init_s = time.monotonic() - self._born
            self.ready.set_result(None)
        if self.state is State.DOOMED:
            self.kill()
        else:
            self.state = State.IDLE
            self.idle_since = time.monotonic()
        self._next = asyncio.get_running_loop().create_future()
        return self._next

    def ended(self) -> None:
        """Note that the process is gone: nobody waits for it any more."""
        self.state = State.DOOMED
        if not self.ready.done():
            self.ready.set_result(None)

    def give(self, invocation: Invocation) -> None:
        """Let the runtime have an invocation; it must be idle."""
        self.state = State.BUSY
        self.current = invocation
        invocation.begin(self.spec.timeout_s)
        if self._next is not None:
            self._next.set_result(invocation)

    def done(self) -> None:
        """Note that the invocation is over."""
        self.current = None
        if self.state is State.BUSY:
            self.state = State.RETURNING

    def kill(self) -> None:
        """End the process and everything it started, at once."""
        self.state = State.DOOMED
        if self._process is not None and self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def measure(self) -> int:
        """Resident memory in bytes, now; the peak is kept."""
        if self._process is None or self._process.returncode is not None:
            return 0
        resident = resident_bytes(self._process.pid)
        self.peak_bytes = max(self.peak_bytes, resident)
        return resident

    def source(self) -> Source:
        """Whom the log names for what happens now."""
        request_id = self.current.id if self.current else None
        return Source(self.spec.service, self.spec.name, request_id)

    def _line(self, line: bytes) -> None:
        self._log.line(self.source(), line)
