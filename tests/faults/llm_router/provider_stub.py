"""A model provider on loopback that behaves as badly as it is told to."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK: Final = b"0\r\n\r\n"
DONE: Final = "[DONE]"
USAGE: Final = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}

# What to do with one request, over its connection.
Scene = Callable[[socket.socket], None]


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(data: dict[str, Any] | str) -> bytes:
    """One Server-Sent Event, as a chunk."""
    text = data if isinstance(data, str) else json.dumps(data)
    return chunk(f"data: {text}\n\n".encode())


def delta(text: str, **more: Any) -> dict[str, Any]:
    """A chunk of an answer's text."""
    return {"choices": [{"index": 0, "delta": {"content": text, **more}}]}


def end(reason: str = "stop") -> dict[str, Any]:
    """The chunk that ends an answer."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def answer(*texts: str) -> Scene:
    """Answer as a good provider does."""
    events = [*(event(delta(text)) for text in texts), event(end()), event(USAGE), event(DONE)]
    return sending(HEAD + b"".join(events) + LAST_CHUNK)


def sending(data: bytes, *, then_close: bool = False) -> Scene:
    """Send bytes; keep the connection, or close it."""

    def play(connection: socket.socket) -> None:
        connection.sendall(data)
        if then_close:
            connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError

    return play


def status(code: int, body: bytes = b"{}", **headers: str) -> Scene:
    """Answer with a status and a JSON body."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\n{lines}"
    return sending(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def dripping(data: bytes, pause_s: float = 0.05) -> Scene:
    """Send one byte after the other, slowly, for ever."""

    def play(connection: socket.socket) -> None:
        wait = threading.Event()
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            wait.wait(pause_s)

    return play


def hanging(connection: socket.socket) -> None:
    """Say nothing until the client leaves."""
    connection.recv(1)


@dataclass
class Stub:
    """Plays one scene a request, the last one again and again; keeps what was asked."""

    scenes: list[Scene]
    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def next_scene(self) -> Scene:
        """Give the scene for this request."""
        return self.scenes[min(len(self.bodies), len(self.scenes)) - 1]


@contextmanager
def provider(*scenes: Scene) -> Iterator[Stub]:
    """Run a provider for the length of the block."""
    stub = Stub(list(scenes))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            stub.connections += 1
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while self._one_request():
                    pass
            except OSError:
                return

        def _head(self) -> Iterator[str]:
            while (line := self.rfile.readline()).strip():
                yield line.decode()

        def _one_request(self) -> bool:
            text = "".join(self._head())
            if not text:
                return False
            length = int(text.lower().partition("content-length: ")[2].partition("\r")[0])
            stub.headers.append(text)
            stub.bodies.append(json.loads(self.rfile.read(length)))
            stub.next_scene()(self.connection)
            return True

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        stub.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield stub
        server.shutdown()
