"""The workers of one function, and who gets which invocation."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from orchstack.kernel.plain import JsonObject
from orchstack.local.functions import failures
from orchstack.local.functions.environment import WrapperMissing
from orchstack.local.functions.invocation import Invocation
from orchstack.local.functions.model import (
    Failure,
    FunctionSpec,
    FunctionStatus,
    TooManyRequests,
)
from orchstack.local.functions.worker import State, Worker
from orchstack.local.logs import LogSink, Source

# Lambda allows 10 s; a laptop that starts ten functions at once is slower.
_INIT_TIMEOUT_S = 60.0
_IDLE_S = 600.0
# How long an invocation waits for the workers there are before another one is started.
_PATIENCE_S = 0.1
_AT_ONCE = os.cpu_count() or 1

# These will soon ask for an invocation, so no further worker need start for it.
_COMING = (State.STARTING, State.RETURNING)

Run = Callable[["Pool", Worker], Coroutine[Any, Any, int]]


class Pool:
    """Starts workers when needed, hands out invocations first come, first served."""

    def __init__(self, spec: FunctionSpec, run: Run, log: LogSink) -> None:
        """Take the function and the way to run a worker's process to its end."""
        self.spec = spec
        self.workers: dict[str, Worker] = {}
        self._run = run
        self._log = log
        # The most recently used one is last, and goes first: the others may rest.
        self._idle: list[Worker] = []
        self._waiting: deque[Invocation] = deque()
        self._running = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._invocations = self._errors = self._throttles = 0

    def submit(self, invocation: Invocation) -> None:
        """Queue an invocation, or raise TooManyRequests."""
        if self._running + len(self._waiting) >= self.spec.limit:
            self._throttles += 1
            raise TooManyRequests(f"Rate Exceeded: {self.spec.name}")
        self._invocations += 1
        self._waiting.append(invocation)
        self._dispatch()

    def withdraw(self, invocation: Invocation) -> None:
        """Forget an invocation nobody waits for, if it has not begun."""
        if invocation in self._waiting:
            self._waiting.remove(invocation)

    def ask(self, worker: Worker) -> asyncio.Future[Invocation]:
        """A worker's runtime asks for its next invocation."""
        self._cancel_timer(worker.id)
        if worker.current is not None:
            worker.current.fail(failures.broken_off())
            self.answered(worker)
        following = worker.park()
        if worker.state is State.IDLE:
            self._idle.append(worker)
            self._dispatch()
        return following

    def answered(self, worker: Worker, error_type: str | None = None) -> None:
        """A worker's invocation is over; it will ask for the next one."""
        invocation = worker.current
        if invocation is None:
            return
        self._cancel_timer(invocation.id)
        worker.output.drain()
        failure = invocation.failure
        self._report(worker, invocation, error_type or (failure.kind if failure else None))
        worker.done()
        self._running -= 1
        self._dispatch()

    def init_failed(self, worker: Worker, body: bytes) -> None:
        """A worker could not load the handler: whoever waits would meet the same error."""
        worker.state = State.DOOMED
        for invocation in self._take_waiting():
            invocation.answer(body, "Unhandled")

    def end(self, worker: Worker, failure: Failure) -> None:
        """Kill a worker and answer its invocation, or those that wait for its start."""
        worker.kill()
        if worker.current is not None:
            worker.current.fail(failure)
            self.answered(worker, failure.kind)

    async def warm(self) -> None:
        """Have a worker ready, if the function can be loaded at all."""
        starting = [worker for worker in self.workers.values() if worker.state is State.STARTING]
        if not self._idle:
            await (starting[0] if starting else self._start()).ready

    def recycle(self) -> None:
        """Let new code in: idle workers end now, the others after what they do."""
        for worker in list(self.workers.values()):
            if worker.state is State.IDLE:
                self._retire(worker)
            worker.state = State.DOOMED

    def tend(self) -> None:
        """Enforce the memory limit, let go who has long been idle, start more where they lack."""
        for worker in list(self.workers.values()):
            if worker.state is State.IDLE:
                if time.monotonic() - worker.idle_since > _IDLE_S:
                    self._retire(worker)
            elif worker.measure() > self.spec.memory_mb * 1024 * 1024:
                worker.out_of_memory = True
                worker.kill()
        self._grow()

    async def stop(self) -> None:
        """Kill every worker and answer everybody."""
        for invocation in self._take_waiting():
            invocation.fail(failures.stopped())
        for worker in list(self.workers.values()):
            self.end(worker, failures.stopped())
        if self._tasks:
            await asyncio.wait(self._tasks)

    def status(self) -> FunctionStatus:
        """Count."""
        return FunctionStatus(
            name=self.spec.name,
            service=self.spec.service,
            workers=len(self.workers),
            busy=self._running,
            waiting=len(self._waiting),
            invocations=self._invocations,
            errors=self._errors,
            throttles=self._throttles,
        )

    def _dispatch(self) -> None:
        while self._waiting and self._idle:
            self._give(self._idle.pop(), self._waiting.popleft())
        self._grow()

    def _grow(self) -> None:
        """Start workers, no more at once than there are processors, or all would be slow.

        A worker that is there serves a short wait sooner than one that has to start.
        """
        if not self._waiting or len(self.workers) >= self.spec.workers:
            return
        coming = sum(worker.state in _COMING for worker in self.workers.values())
        starting = sum(worker.state is State.STARTING for worker in self.workers.values())
        late = time.monotonic() - self._waiting[0].queued > _PATIENCE_S
        if not self.workers or (late and starting < _AT_ONCE and coming < len(self._waiting)):
            self._start()

    def _give(self, worker: Worker, invocation: Invocation) -> None:
        self._running += 1
        worker.give(invocation)
        timeout_s = self.spec.timeout_s
        self._timers[invocation.id] = asyncio.get_running_loop().call_later(
            timeout_s, self.end, worker, failures.timed_out(invocation.id, timeout_s)
        )
        self._log.event(worker.source(), "platform.start", {"version": "$LATEST"}, "DEBUG")

    def _start(self) -> Worker:
        worker = Worker(self.spec, uuid.uuid4().hex, self._log)
        self.workers[worker.id] = worker
        self._timers[worker.id] = asyncio.get_running_loop().call_later(
            _INIT_TIMEOUT_S, self._init_timed_out, worker
        )
        task = asyncio.create_task(self._watch(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return worker

    def _init_timed_out(self, worker: Worker) -> None:
        worker.kill()
        for invocation in self._take_waiting():
            invocation.fail(failures.init_timed_out(_INIT_TIMEOUT_S))

    async def _watch(self, worker: Worker) -> None:
        try:
            code = await self._run(self, worker)
        except (OSError, WrapperMissing) as error:
            self.init_failed(worker, Failure("Runtime.InvalidEntrypoint", str(error)).body())
        else:
            self._ended(worker, code)
        self._cancel_timer(worker.id)
        del self.workers[worker.id]
        worker.ended()
        self._dispatch()

    def _ended(self, worker: Worker, code: int) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        why = failures.out_of_memory if worker.out_of_memory else None
        if worker.current is not None:
            request_id = worker.current.id
            self.end(worker, why(request_id) if why else failures.exited(request_id, code))
        elif not worker.ready.done() and (why or worker.state is not State.DOOMED):
            # It ended by itself before it asked for anything: the next one would, too.
            for invocation in self._take_waiting():
                invocation.fail(why(invocation.id) if why else failures.exited(invocation.id, code))

    def _retire(self, worker: Worker) -> None:
        self._idle.remove(worker)
        worker.kill()

    def _take_waiting(self) -> list[Invocation]:
        taken = list(self._waiting)
        self._waiting.clear()
        self._errors += len(taken)
        return taken

    def _cancel_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _report(self, worker: Worker, invocation: Invocation, error_type: str | None) -> None:
        worker.measure()
        record: JsonObject = {
            "status": error_type or "success",
            "durationMs": round((time.monotonic() - invocation.started) * 1000, 2),
            "memorySizeMB": self.spec.memory_mb,
            "maxMemoryUsedMB": worker.peak_bytes // (1024 * 1024),
        }
        if worker.init_s is not None:
            record["initDurationMs"] = round(worker.init_s * 1000, 2)
            worker.init_s = None
        self._errors += error_type is not None
        source = Source(self.spec.service, self.spec.name, invocation.id)
        self._log.event(source, "platform.report", record, "ERROR" if error_type else "INFO")
