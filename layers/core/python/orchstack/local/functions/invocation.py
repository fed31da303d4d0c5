"""One invocation, from the caller's request to its answer, whole or streamed."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator

from orchstack.local.functions.model import Failure, Result

# A reader slower than the function holds the function back once this much waits for it.
_HIGH_WATER_BYTES = 256 * 1024


class StreamBroken(Exception):
    """A streamed answer ended early; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Stream(AsyncIterator[bytes]):
    """An answer that arrives in chunks; iterate it once, and `abandon` it when you stop early."""

    def __init__(self, content_type: str, request_id: str) -> None:
        self.content_type = content_type
        self.request_id = request_id
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        # False once nobody reads any more, or the stream has ended.
        self._wanted = True
        self._failure: Failure | None = None
        self._consumer: asyncio.Future[None] | None = None
        self._producer: asyncio.Future[None] | None = None

    async def __anext__(self) -> bytes:
        """Give the next chunk; raises StreamBroken where the function broke off."""
        while not self._chunks:
            if self._failure is not None:
                raise StreamBroken(self._failure)
            if self._ended:
                raise StopAsyncIteration
            self._consumer = asyncio.get_running_loop().create_future()
            await self._consumer
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        _wake(self._producer)
        return chunk

    async def feed(self, chunk: bytes) -> None:
        """Take a chunk from the function, and wait while too much of it lies unread."""
        if self._wanted:
            self._chunks.append(chunk)
            self._held += len(chunk)
            _wake(self._consumer)
            await self._room()

    def finish(self, failure: Failure | None = None) -> None:
        """End the stream, with the reason if it is no good end."""
        if not self._ended:
            self._ended = True
            self._wanted = False
            self._failure = failure
            _wake(self._consumer)
            _wake(self._producer)

    def abandon(self) -> None:
        """Read no further: the function runs on, as on AWS, and what it writes is dropped."""
        self._wanted = False
        self._chunks.clear()
        self._held = 0
        _wake(self._producer)

    async def _room(self) -> None:
        while self._wanted and self._held > _HIGH_WATER_BYTES:
            self._producer = asyncio.get_running_loop().create_future()
            await self._producer


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class Invocation:
    """What a caller asked of a function. `outcome` holds the answer as soon as it begins."""

    def __init__(self, payload: bytes, *, client_context: str | None, trace_id: str | None) -> None:
        self.id = str(uuid.uuid4())
        self.payload = payload
        self.client_context = client_context
        self.trace_id = trace_id or new_trace_id()
        self.outcome: asyncio.Future[Result | Stream] = asyncio.get_running_loop().create_future()
        self.stream: Stream | None = None
        self.failure: Failure | None = None
        self.queued = time.monotonic()
        self.started = 0.0
        self.deadline_ms = 0

    def begin(self, timeout_s: float) -> None:
        """Start the function's time."""
        self.started = time.monotonic()
        self.deadline_ms = int((time.time() + timeout_s) * 1000)

    def answer(self, payload: bytes, error: str | None = None) -> None:
        """Give the caller a whole answer."""
        if not self.outcome.done():
            self.outcome.set_result(Result(payload, error, self.id))

    def open_stream(self, content_type: str) -> Stream:
        """Give the caller a stream to read, and the runtime one to write."""
        self.stream = Stream(content_type, self.id)
        if self.outcome.done():
            self.stream.abandon()
        else:
            self.outcome.set_result(self.stream)
        return self.stream

    def fail(self, failure: Failure) -> None:
        """End the invocation in a failure, also where its stream is already being read."""
        self.failure = failure
        if self.stream is not None:
            self.stream.finish(failure)
        elif not self.outcome.done():
            self.outcome.set_result(Result(failure.body(), "Unhandled", self.id))


def new_trace_id() -> str:
    """Make an X-Ray trace header of an unsampled trace."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"
