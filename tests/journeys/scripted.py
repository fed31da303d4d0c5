"""A model provider that says what a test wants, in OpenAI's wire format."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from tests.bench.first_byte import set_providers
from tests.cloud import RunningCloud


def wish(tool: str, **arguments: Any) -> dict[str, Any]:
    """An answer that asks for a tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"index": 0, "id": f"call_{tool}", "function": function}]}


class Scripted(ThreadingHTTPServer):
    """Answers the n-th turn of a run with the n-th of its answers, word by word.

    Each word takes `pause_s`.
    """

    daemon_threads = True

    def __init__(self, script: Sequence[str | dict[str, Any]], pause_s: float) -> None:
        """Listen on a free loopback port."""
        super().__init__(("127.0.0.1", 0), _Completions)
        self.script = script
        self.pause_s = pause_s
        self.asked: list[dict[str, Any]] = []


class _Completions(BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Stream an answer; a caller that hangs up is none of our business."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for delta, reason in _pieces(self.server.script[_turn(asked["messages"])]):
                choice = {"index": 0, "delta": delta, "finish_reason": reason}
                self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
                self.wfile.flush()
                time.sleep(self.server.pause_s)
            self.wfile.write(b"data: [DONE]\n\n")
        except ConnectionError:
            return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _turn(messages: list[dict[str, Any]]) -> int:
    roles = [message["role"] for message in messages]
    since_input = roles[::-1].index("user")
    return roles[len(roles) - since_input :].count("assistant")


def _pieces(answer: str | dict[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    if isinstance(answer, dict):
        yield answer, "tool_calls"
        return
    words = answer.split(" ")
    for n, word in enumerate(words):
        last = n == len(words) - 1
        yield {"content": word if last else f"{word} "}, "stop" if last else None


@contextmanager
def scripted(
    cloud: RunningCloud, *script: str | dict[str, Any], pause_s: float = 0.0
) -> Iterator[tuple[Scripted, str]]:
    """Serve the provider; gives it with the model that the cloud knows it by."""
    name, server = f"scripted-{uuid4().hex[:8]}", Scripted(script, pause_s)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    set_providers(cloud, {name: {"base_url": url, "api_key": "none"}})
    yield server, f"{name}/any"
    server.shutdown()
    server.server_close()
