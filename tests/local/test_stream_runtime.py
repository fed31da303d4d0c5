from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchstack.kernel.stream_runtime import Context, RuntimeApi, serve_one
from orchstack.local.functions import Result, Stream, StreamBroken
from tests.local.edge_kit import CORE_LAYER, Edge
from tests.local.kit import eventually

NEXT = (
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r1\r\n"
    b"Lambda-Runtime-Deadline-Ms: 99999999999999\r\nLambda-Runtime-Trace-Id: Root=1-2-3\r\n"
    b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n'
)
END = b"\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


async def _read(edge: Edge, name: str, event: Any = None) -> tuple[bytes, StreamBroken | None]:
    stream = await edge.functions.invoke_streaming(name, json.dumps(event or {}).encode())
    assert isinstance(stream, Stream), stream
    whole = b""
    try:
        async for chunk in stream:
            whole += chunk
    except StreamBroken as broken:
        return whole, broken
    return whole, None


def test_a_generator_streams_its_head_and_its_chunks(edge: Edge) -> None:
    """The head comes first, ends in eight NUL bytes, and the chunks follow in order."""
    whole, broken = edge.run(_read(edge, "streams.count", {"numbers": 50}))

    head, _, body = whole.partition(bytes(8))
    numbers = [int(line.split()[1]) for line in body.decode().splitlines() if line]
    assert "stream" == json.loads(head)["headers"]["X-Kind"]
    assert list(range(50)) == numbers
    assert broken is None


def test_an_error_before_the_head_is_an_ordinary_error(edge: Edge) -> None:
    """What is raised before the first yield answers as any function's error does, less secrets."""
    failure = edge.failure("streams.refuse")
    said = "nothing to stream with api_key=[hidden]"

    assert ("LookupError", said) == (failure["errorType"], failure["errorMessage"])


def test_an_error_in_the_middle_breaks_the_stream(edge: Edge) -> None:
    """What was sent arrives, and then the error by its type and message."""
    whole, broken = edge.run(_read(edge, "streams.break_off"))

    assert whole.endswith(b"data: half\n\n")
    assert broken is not None
    assert ("LookupError", "the other half is missing") == (broken.failure.kind, str(broken))


def test_a_crash_in_the_middle_breaks_the_stream(edge: Edge) -> None:
    """A process that dies while it streams ends the stream with its exit status."""
    whole, broken = edge.run(_read(edge, "streams.crash"))

    assert whole.endswith(b"data: half\n\n")
    assert broken is not None
    assert "Runtime.ExitError" == broken.failure.kind
    assert str(broken).endswith("exit status 9")


def test_the_deadline_breaks_the_stream(edge: Edge) -> None:
    """A stream that runs past the function's timeout ends as Sandbox.Timedout."""
    edge.register(
        "endless",
        "streams.count",
        timeout_s=0.3,
        environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/orchstack-stream"},
    )

    whole, broken = edge.run(_read(edge, "endless", {"numbers": 1000, "pause": 0.02}))

    assert b"data: 3 " in whole
    assert broken is not None
    assert "Sandbox.Timedout" == broken.failure.kind


def test_a_head_that_is_missing_is_an_error(edge: Edge) -> None:
    """A generator whose first item is no dict fails before anything is sent."""
    failure = edge.failure("streams.headless")

    assert "TypeError" == failure["errorType"]
    assert "must yield its head" in failure["errorMessage"]


def test_a_plain_answer_is_sent_whole(edge: Edge) -> None:
    """A handler that returns a value answers whole, in one process, with its trace at hand."""
    result = edge.run(edge.functions.invoke_streaming("streams.plain", b"{}"))
    again = edge.answer("streams.plain")

    assert isinstance(result, Result)
    first = json.loads(result.payload)
    assert first["trace"].startswith("Root=1-")
    assert first["pid"] == again["pid"]
    assert first["trace"] != again["trace"]


def test_a_stream_can_be_asked_for_whole(edge: Edge) -> None:
    """A caller that cannot stream gets everything in one answer, an error if it broke."""
    whole = edge.invoke("streams.count", {"numbers": 2})
    broken = edge.failure("streams.break_off")

    assert (None, 2) == (whole.error, whole.payload.count(b"data: "))
    assert "LookupError" == broken["errorType"]


def test_a_slow_reader_holds_the_function_back(edge: Edge, tmp_path: Path) -> None:
    """What nobody reads does not pile up: the function waits, and goes on when it is read."""
    mark = tmp_path / "mark"

    async def read_late() -> int:
        event = json.dumps({"megabytes": 20, "mark": str(mark)}).encode()
        stream = await edge.functions.invoke_streaming("streams.flood", event)
        assert isinstance(stream, Stream)
        await anext(stream)
        await asyncio.sleep(0.3)
        assert not mark.exists()
        return sum([len(chunk) async for chunk in stream])

    assert 20 * 1024 * 1024 == edge.run(read_late())
    assert eventually(mark.exists)


def test_a_reader_that_leaves_lets_the_function_run_on(edge: Edge, tmp_path: Path) -> None:
    """An abandoned stream is drained: the function finishes, as on AWS."""
    mark = tmp_path / "mark"

    async def leave() -> None:
        event = json.dumps({"megabytes": 20, "mark": str(mark)}).encode()
        stream = await edge.functions.invoke_streaming("streams.flood", event)
        assert isinstance(stream, Stream)
        await anext(stream)
        stream.abandon()

    edge.run(leave())

    assert "finished" == eventually(lambda: mark.exists() and mark.read_text())


class _Platform:
    """A Runtime API that plays one scripted conversation over one connection."""

    def __init__(self, *steps: tuple[bytes, bytes]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._play, args=(steps,))
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the conversation."""
        self._thread.join(5)
        self._listener.close()

    def _play(self, steps: tuple[tuple[bytes, bytes], ...]) -> None:
        connection, _ = self._listener.accept()
        with connection:
            for until, reply in steps:
                heard = b""
                while not heard.endswith(until):
                    heard += connection.recv(65536)
                self.heard.append(heard)
                connection.sendall(reply)


def test_one_connection_carries_the_whole_conversation() -> None:
    """Asking, streaming and asking again need one connection, and each chunk goes out at once."""

    def handler(event: Any, context: Context) -> Iterator[Any]:
        yield {"statusCode": event["a"] + 200, "id": context.aws_request_id}
        yield b"half"
        yield "and half"

    platform = _Platform((END, NEXT), (b"0" + END, ACCEPTED), (END, NEXT))
    api = RuntimeApi(platform.address)
    serve_one(api, handler)
    api.call("GET", "/invocation/next")
    platform.join()
    api.hang_up()

    head, _, body = platform.heard[1].partition(END)
    assert head.startswith(b"POST /2018-06-01/runtime/invocation/r1/response HTTP/1.1\r\n")
    assert b"Lambda-Runtime-Function-Response-Mode: streaming" in head
    assert b'{"statusCode": 201, "id": "r1"}' + bytes(8) in body
    assert body.endswith(b"4\r\nhalf\r\n8\r\nand half\r\n0\r\n\r\n")


def test_the_trailers_name_the_error_of_a_broken_stream() -> None:
    """After an error in the middle the stream ends with its type and, in Base64, its document."""

    def handler(_event: Any, _context: Context) -> Iterator[Any]:
        yield {"statusCode": 200}
        raise KeyError("gone")

    platform = _Platform((END, NEXT), (b"=" + END, ACCEPTED))
    api = RuntimeApi(platform.address)
    serve_one(api, handler)
    platform.join()
    api.hang_up()

    trailers = platform.heard[1].rpartition(b"0\r\n")[2].decode()
    kind, document = (line.partition(": ")[2] for line in trailers.strip().splitlines())
    assert "KeyError" == kind
    assert "KeyError" == json.loads(base64.b64decode(document))["errorType"]


def test_a_generator_is_closed_when_the_platform_hangs_up() -> None:
    """When nobody takes the stream any more, the handler's cleanup runs and the runtime goes on."""
    closed = threading.Event()

    def handler(_event: Any, _context: Context) -> Iterator[Any]:
        try:
            yield {"statusCode": 200}
            while True:
                yield bytes(65536)
        finally:
            closed.set()

    platform = _Platform((END, NEXT), (b"", b""))
    api = RuntimeApi(platform.address)

    serve_one(api, handler)

    platform.join()
    assert closed.is_set()


def test_the_runtime_is_light() -> None:
    """The runtime loads nothing but small parts of the standard library: no third party, no TLS."""
    code = "import sys, orchstack.kernel.stream_runtime; print(*sys.modules)"
    environment = {"PYTHONPATH": str(CORE_LAYER / "python")}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, check=True
    )

    heavy = {"ssl", "http", "email", "urllib", "asyncio", "logging", "pydantic", "inspect"}
    assert heavy.isdisjoint(done.stdout.decode().split())
