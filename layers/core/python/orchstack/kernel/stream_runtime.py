"""The Lambda runtime of streaming functions: a handler that is a generator streams its answer.

AWS ships no streaming runtime for Python, so this module takes the place of the managed one: the
layer's `orchstack-stream` starts it (AWS_LAMBDA_EXEC_WRAPPER), on Lambda as in the local cloud. It
speaks the Runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) over one
kept connection, and imports nothing that costs a cold start.

A streaming handler yields a dict first (`statusCode`, `headers`), then str or bytes. What it raises
before that dict is an ordinary error; after it, the stream breaks off and names the error in its
trailers. When the platform hangs up, the generator is closed. A handler that returns a plain value
answers whole, as under the managed runtime.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from io import TextIOWrapper
from types import GeneratorType
from typing import Any, NamedTuple, TypeVar

_API = "/2018-06-01/runtime"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_STREAMING = {
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Transfer-Encoding": "chunked",
    "Trailer": f"{_ERROR_TYPE}, {_ERROR_BODY}",
}
# What ends the head of the answer and begins its body, for API Gateway.
_DELIMITER = b"\0" * 8

Handler = Callable[[Any, "Context"], object]
T = TypeVar("T")


class Context:
    """What a handler learns about its invocation, named as in the managed runtime."""

    def __init__(self, headers: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """How long the function may still run, in milliseconds."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


class Reply(NamedTuple):
    """What the Runtime API answers; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class RuntimeApi:
    """One kept HTTP/1.1 connection to the Runtime API, opened anew when it was lost.

    There is no timeout on purpose: `next` waits as long as nobody calls the function, and Lambda
    itself ends a process that passes its deadline.
    """

    def __init__(self, address: str) -> None:
        """Take `host:port`, which may carry a path in front of the API's own."""
        host, _, prefix = address.partition("/")
        self._host = host
        self._prefix = (f"/{prefix}" if prefix else "") + _API
        self._socket: socket.socket | None = None

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request and read the reply; raises ConnectionError when the platform is gone."""
        framed = {"Content-Length": str(len(body)), **(headers or {})}
        self._send(self._head(method, path, framed) + body)
        return self._reply()

    def begin(self, path: str, first: bytes) -> None:
        """Begin a streamed request with its first chunk."""
        self._send(self._head("POST", path, _STREAMING) + _chunk(first))

    def write(self, data: bytes) -> None:
        """Send a chunk, not an empty one; raises ConnectionError when the platform hung up."""
        self._send(_chunk(data))

    def finish(self, trailers: Mapping[str, str]) -> Reply:
        """End the streamed request and read the reply."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers.items())
        self._send(f"0\r\n{lines}\r\n".encode())
        return self._reply()

    def hang_up(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._socket is not None:
            self._reader.close()
            self._socket.close()
            self._socket = None

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        first = f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
        return f"{first}{lines}\r\n".encode()

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            host, _, port = self._host.partition(":")
            self._socket = socket.create_connection((host, int(port or 80)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = self._socket.makefile("rb")
        self._socket.sendall(data)

    def _reply(self) -> Reply:
        first = self._reader.readline()
        if not first:
            raise ConnectionResetError("the Runtime API hung up")
        headers = self._headers()
        body = self._body(headers)
        if headers.get("connection", "").lower() == "close":
            self.hang_up()
        return Reply(int(first.split(b" ", 2)[1]), headers, body)

    def _headers(self) -> dict[str, str]:
        headers = {}
        while line := self._reader.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._reader.read(int(headers.get("content-length", "0")))
        pieces = []
        while size := int(self._reader.readline().partition(b";")[0], 16):
            pieces.append(self._reader.read(size))
            self._reader.readline()
        self._headers()
        return b"".join(pieces)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def load(name: str) -> Handler:
    """Import a handler named as Lambda names it: `folder/module.function`."""
    module, _, function = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), function)
    return handler


def serve_one(api: RuntimeApi, handler: Handler) -> None:
    """Wait for an invocation, run the handler and send its answer."""
    reply = api.call("GET", "/invocation/next")
    os.environ["_X_AMZN_TRACE_ID"] = reply.headers.get("lambda-runtime-trace-id", "")
    context = Context(reply.headers, os.environ)
    path = f"/invocation/{context.aws_request_id}"
    answer = _attempt(lambda: _answer(handler, reply.body, context), context.aws_request_id)
    if isinstance(answer, Trouble):
        api.call("POST", f"{path}/error", answer.document, {_ERROR_TYPE: answer.kind})
    elif isinstance(answer, bytes):
        api.call("POST", f"{path}/response", answer, {"Content-Type": "application/json"})
    else:
        _stream(api, f"{path}/response", answer, context.aws_request_id)


class Opened(NamedTuple):
    """A streamed answer whose head is known."""

    head: bytes
    chunks: Generator[object, None, None]


class Trouble(NamedTuple):
    """What a handler raised, as the Runtime API wants it told."""

    kind: str
    document: bytes


def _answer(handler: Handler, body: bytes, context: Context) -> bytes | Opened:
    answer = handler(json.loads(body), context)
    if not isinstance(answer, GeneratorType):
        return json.dumps(answer).encode()
    head = next(answer, None)
    if not isinstance(head, dict):
        answer.close()
        msg = "a streaming handler must yield its head, a dict with statusCode, first"
        raise TypeError(msg)
    return Opened(json.dumps(head).encode() + _DELIMITER, answer)


def _stream(api: RuntimeApi, path: str, answer: Opened, request_id: str) -> None:
    trailers: dict[str, str] = {}
    try:
        api.begin(path, answer.head)
        for chunk in _chunks(answer, trailers, request_id):
            api.write(chunk)
        api.finish(trailers)
    except ConnectionError:
        # The handler hears of it as GeneratorExit where it waits in `yield`.
        _attempt(answer.chunks.close, request_id)
        api.hang_up()


def _chunks(answer: Opened, trailers: dict[str, str], request_id: str) -> Iterator[bytes]:
    # An error of the handler ends the chunks and is told in the trailers. An error of the
    # connection is raised where the chunks are sent, so the two are never mistaken.
    while chunk := _attempt(lambda: _next(answer.chunks), request_id):
        if isinstance(chunk, Trouble):
            trailers[_ERROR_TYPE] = chunk.kind
            trailers[_ERROR_BODY] = base64.b64encode(chunk.document).decode()
            return
        yield chunk


def _next(chunks: Iterator[object]) -> bytes | None:
    for chunk in chunks:
        if not isinstance(chunk, str | bytes):
            msg = f"a streaming handler yields str or bytes, not {type(chunk).__name__}"
            raise TypeError(msg)
        # An empty chunk would end the answer.
        if chunk:
            return chunk.encode() if isinstance(chunk, str) else chunk
    return None


def _attempt(work: Callable[[], T], request_id: str) -> T | Trouble:
    # The boundary of the process: whatever a handler raises is logged and reported to the platform.
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - as said
        # A runtime that never fails never loads these.
        import traceback

        from orchstack.kernel.scrubbing import scrub_text

        document = {
            "errorMessage": scrub_text(str(error)),
            "errorType": type(error).__name__,
            "requestId": request_id,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        sys.stdout.write(json.dumps({"level": "ERROR", **document}) + "\n")
        return Trouble(type(error).__name__, json.dumps(document).encode())


def main() -> None:
    """Load the handler the environment names and serve it until the platform ends us."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    handler = _attempt(lambda: load(os.environ["_HANDLER"]), "")
    if isinstance(handler, Trouble):
        api.call("POST", "/init/error", handler.document, {_ERROR_TYPE: handler.kind})
        sys.exit(1)
    while True:
        serve_one(api, handler)


if __name__ == "__main__":
    main()
