"""The Lambda Runtime API: what a worker talks to.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Each worker has a port of its own,
as each has its own sandbox on Lambda, so the API knows who asks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from contextlib import suppress
from http import HTTPStatus

from orchstack.local.functions import failures
from orchstack.local.functions.invocation import Invocation
from orchstack.local.functions.model import MAX_BUFFERED_BYTES, MAX_STREAMED_BYTES, Failure
from orchstack.local.functions.pool import Pool
from orchstack.local.functions.wire import HEAD_LIMIT, Connection, Head, TooMuch
from orchstack.local.functions.worker import Worker
from orchstack.local.ports import LOOPBACK

_PREFIX = "/2018-06-01/runtime/"
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_OK = b'{"status":"OK"}\n'
_RECEIVE_BYTES = 256 * 1024
# How long what a worker wrote before it ended may take to be read.
_LAST_WORDS_S = 0.5


class RuntimeApi:
    """Serves `next`, `response`, `error` and `init/error` to one worker."""

    def __init__(self, pool: Pool, worker: Worker) -> None:
        """Take the worker and the pool that decides what it gets."""
        self._pool = pool
        self._worker = worker
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen on a free port of loopback; gives the address."""
        listener = socket.create_server((LOOPBACK, 0))
        # Else the kernel would take many megabytes of a stream that nobody reads yet.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_LIMIT)
        return f"{LOOPBACK}:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        """Read what the worker still said, then hang up."""
        self._server.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_LAST_WORDS_S)
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(Connection(reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, connection: Connection) -> None:
        try:
            # A worker that ends cuts its connections; its pool notices by other means.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while head := await connection.head():
                    await self._answer(connection, head)
        finally:
            connection.close()

    async def _answer(self, connection: Connection, head: Head) -> None:
        pool, worker = self._pool, self._worker
        match head.method, head.path.removeprefix(_PREFIX).split("/"):
            case "GET", ["invocation", "next"]:
                await _next(connection, pool, worker)
            case "POST", ["invocation", request_id, "response"]:
                await _response(connection, head, pool, worker, request_id)
            case "POST", ["invocation", request_id, "error"]:
                await _error(connection, head, pool, worker, request_id)
            case "POST", ["init", "error"]:
                pool.init_failed(worker, await connection.body(head, MAX_BUFFERED_BYTES))
                connection.reply(HTTPStatus.ACCEPTED, _OK)
            case _:
                await _refuse(connection, head, HTTPStatus.NOT_FOUND, "NotFound")


async def _next(connection: Connection, pool: Pool, worker: Worker) -> None:
    invocation = await pool.ask(worker)
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": worker.spec.arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }
    if invocation.client_context is not None:
        headers["Lambda-Runtime-Client-Context"] = invocation.client_context
    connection.reply(HTTPStatus.OK, invocation.payload, headers)


def _current(worker: Worker, request_id: str) -> Invocation | None:
    # A worker that comes too late answers an invocation that is no longer its own.
    if worker.current is not None and worker.current.id == request_id:
        return worker.current
    return None


async def _response(
    connection: Connection, head: Head, pool: Pool, worker: Worker, request_id: str
) -> None:
    invocation = _current(worker, request_id)
    if invocation is None:
        await _refuse(connection, head, HTTPStatus.BAD_REQUEST, "InvalidRequestID")
    elif head.headers.get("lambda-runtime-function-response-mode") == "streaming":
        await _stream(connection, head, pool, worker, invocation)
    else:
        await _whole(connection, head, pool, worker, invocation)


async def _whole(
    connection: Connection, head: Head, pool: Pool, worker: Worker, invocation: Invocation
) -> None:
    try:
        invocation.answer(await connection.body(head, MAX_BUFFERED_BYTES))
    except TooMuch as error:
        invocation.fail(failures.response_too_large(MAX_BUFFERED_BYTES))
        pool.answered(worker)
        connection.reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _document("RequestEntityTooLarge"))
        # What is left of the body would be read as a request.
        raise ConnectionAbortedError from error
    connection.reply(HTTPStatus.ACCEPTED, _OK)
    pool.answered(worker)


async def _stream(
    connection: Connection, head: Head, pool: Pool, worker: Worker, invocation: Invocation
) -> None:
    stream = invocation.open_stream(head.headers.get("content-type", "application/octet-stream"))
    trailers: dict[str, str] = {}
    size = 0
    async for piece in connection.pieces(head, trailers):
        size += len(piece)
        if size > MAX_STREAMED_BYTES:
            invocation.fail(failures.response_too_large(MAX_STREAMED_BYTES))
            pool.answered(worker)
            raise ConnectionAbortedError
        await stream.feed(piece)
    failure = _told_in(trailers)
    invocation.failure = failure
    stream.finish(failure)
    connection.reply(HTTPStatus.ACCEPTED, _OK)
    pool.answered(worker)


def _told_in(trailers: dict[str, str]) -> Failure | None:
    kind = trailers.get(_ERROR_TYPE)
    if kind is None:
        return None
    document = json.loads(base64.b64decode(trailers.get(_ERROR_BODY, "")) or b"{}")
    return Failure(kind, str(document.get("errorMessage", "")))


async def _error(
    connection: Connection, head: Head, pool: Pool, worker: Worker, request_id: str
) -> None:
    invocation = _current(worker, request_id)
    if invocation is None:
        await _refuse(connection, head, HTTPStatus.BAD_REQUEST, "InvalidRequestID")
        return
    body = await connection.body(head, MAX_BUFFERED_BYTES)
    invocation.answer(body, "Unhandled")
    connection.reply(HTTPStatus.ACCEPTED, _OK)
    pool.answered(worker, _named_in(body))


def _named_in(body: bytes) -> str:
    # The header says only "Unhandled" where the runtime is AWS's own.
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, LookupError, TypeError):
        return "Unhandled"


async def _refuse(connection: Connection, head: Head, status: HTTPStatus, kind: str) -> None:
    async for _ in connection.pieces(head, {}):
        pass
    connection.reply(status, _document(kind))


def _document(kind: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": kind}).encode()
