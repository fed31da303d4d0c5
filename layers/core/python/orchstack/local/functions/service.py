"""The function service: what `lambda:Invoke` is to the rest of the local cloud."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from orchstack.local.functions import failures
from orchstack.local.functions.invocation import Invocation, Stream, StreamBroken
from orchstack.local.functions.model import (
    MAX_BUFFERED_BYTES,
    FunctionSpec,
    FunctionStatus,
    PayloadTooBig,
    Result,
    UnknownFunction,
)
from orchstack.local.functions.pool import Pool
from orchstack.local.functions.reload import CodeWatch
from orchstack.local.functions.runtime_api import RuntimeApi
from orchstack.local.functions.worker import Worker
from orchstack.local.logs import LogSink

_TEND_S = 0.1
_RELOAD_S = 0.5
_SWITCH_S = 0.0005


class FunctionService:
    """Runs registered functions in worker processes.

    Every method but `invoke_blocking` is for the event loop that ran `start`. That loop's thread
    must live as long as the service: the kernel ends the workers with the thread that started them.
    """

    def __init__(self, log: LogSink, overrides: Mapping[str, str] | None = None) -> None:
        """Take the log and what every worker's environment gets on top of its own (endpoints…)."""
        self._log = log
        self._overrides = dict(overrides or {})
        self._pools: dict[str, Pool] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def register(self, spec: FunctionSpec) -> None:
        """Make a function known; may be called before or after `start`."""
        self._pools[spec.name] = Pool(spec, self._run, self._log)

    async def start(self) -> None:
        """Begin; workers start with their first invocation, or by `warm`."""
        self._loop = asyncio.get_running_loop()
        # moto's threads share the interpreter; they shall not keep this loop waiting for 5 ms.
        sys.setswitchinterval(_SWITCH_S)
        self._tasks = [asyncio.create_task(self._tend()), asyncio.create_task(self._reload())]

    async def stop(self) -> None:
        """Kill all workers and answer everybody who waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    async def invoke(
        self,
        name: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_id: str | None = None,
    ) -> Result:
        """Invoke a function (name or ARN) and wait for its whole answer.

        Errors of the function are answers, with `error` set. Raises UnknownFunction, PayloadTooBig
        or TooManyRequests where Lambda itself would refuse the call.
        """
        outcome = await self._begin(name, payload, client_context, trace_id)
        return outcome if isinstance(outcome, Result) else await _collected(outcome)

    async def invoke_streaming(
        self, name: str, payload: bytes, *, trace_id: str | None = None
    ) -> Result | Stream:
        """Invoke a function; gives its stream as soon as it opens one, else its whole answer.

        The stream must be read to its end or abandoned. Raises as `invoke` does.
        """
        return await self._begin(name, payload, None, trace_id)

    def invoke_blocking(
        self, name: str, payload: bytes, *, client_context: str | None = None
    ) -> Result:
        """Do what `invoke` does, for any thread but the event loop's."""
        call = self.invoke(name, payload, client_context=client_context)
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    async def warm(self, name: str) -> None:
        """Wait until a worker of the function is ready (or has failed to become so)."""
        await self._pool(name).warm()

    def status(self) -> list[FunctionStatus]:
        """Count workers and invocations of every function, in order of registration."""
        return [pool.status() for pool in self._pools.values()]

    async def _begin(
        self, name: str, payload: bytes, client_context: str | None, trace_id: str | None
    ) -> Result | Stream:
        pool = self._pool(name)
        if len(payload) > MAX_BUFFERED_BYTES:
            raise PayloadTooBig(f"{len(payload)} bytes for {name}")
        invocation = Invocation(payload, client_context=client_context, trace_id=trace_id)
        pool.submit(invocation)
        try:
            return await invocation.outcome
        except asyncio.CancelledError:
            pool.withdraw(invocation)
            raise

    def _pool(self, name: str) -> Pool:
        # arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>], or <name>[:<qualifier>].
        short = name.rsplit(":function:", maxsplit=1)[-1].partition(":")[0]
        if short not in self._pools:
            raise UnknownFunction(f"Function not found: {name}")
        return self._pools[short]

    async def _run(self, pool: Pool, worker: Worker) -> int:
        api = RuntimeApi(pool, worker)
        address = await api.start()
        try:
            return await worker.run(address, self._overrides)
        finally:
            await api.stop()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_TEND_S)
            for pool in self._pools.values():
                pool.tend()

    async def _reload(self) -> None:
        watch = CodeWatch()
        while True:
            changed = await asyncio.to_thread(watch.changed, self._folders())
            for pool in self._pools.values():
                if changed.intersection((pool.spec.code_dir, *pool.spec.layer_dirs)):
                    pool.recycle()
            await asyncio.sleep(_RELOAD_S)

    def _folders(self) -> set[Path]:
        return {
            folder
            for pool in self._pools.values()
            for folder in (pool.spec.code_dir, *pool.spec.layer_dirs)
        }


async def _collected(stream: Stream) -> Result:
    whole = bytearray()
    try:
        async for piece in stream:
            whole += piece
            if len(whole) > MAX_BUFFERED_BYTES:
                stream.abandon()
                failure = failures.response_too_large(MAX_BUFFERED_BYTES)
                return Result(failure.body(), "Unhandled", stream.request_id)
    except StreamBroken as broken:
        return Result(broken.failure.body(), "Unhandled", stream.request_id)
    return Result(bytes(whole), request_id=stream.request_id)
