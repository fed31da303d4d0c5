"""How long a model's first token takes through the platform: from provider to caller."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from orchstack.llm_router.adapters.secret_directory import KEEP_UNKNOWN_S
from tests.bench.overhead import Spread, calculating_agent
from tests.cloud import RunningCloud

WARM_UP = 20


class TimedProvider(ThreadingHTTPServer):
    """An OpenAI-wire provider that notes when it wrote its first token."""

    daemon_threads = True

    def __init__(self, pause_s: float = 0.05) -> None:
        """Listen on a free loopback port; `pause_s` passes between the two pieces of the answer."""
        super().__init__(("127.0.0.1", 0), _Completions)
        self.pause_s = pause_s
        self.first_token_at = 0.0
        self.calls = 0

    @property
    def base_url(self) -> str:
        """What goes into the providers' configuration."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Completions(BaseHTTPRequestHandler):
    server: TimedProvider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Stream a short answer, slowly enough that the first token stands alone."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.server.calls += 1
        self.server.first_token_at = time.monotonic()
        self._send({"content": "Hello "})
        time.sleep(self.server.pause_s)
        self._send({"content": "there."})
        self._send({}, finish="stop")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _send(self, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"object": "chat.completion.chunk", "choices": [choice]}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def timed_provider(cloud: RunningCloud, pause_s: float = 0.05) -> Iterator[TimedProvider]:
    """Serve the provider and make the cloud use it as `timed`."""
    server = TimedProvider(pause_s)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    set_providers(cloud, {"timed": {"base_url": server.base_url, "api_key": "none"}})
    yield server
    server.shutdown()
    server.server_close()


def set_providers(cloud: RunningCloud, providers: dict[str, dict[str, str]]) -> None:
    """Write the providers' configuration, as an operator does, and wait until it is believed."""
    client = cloud.aws("secretsmanager")
    value = json.dumps({"default": "builtin/echo", "providers": providers})
    secret = cloud.output("Data", "ProvidersSecret")
    client.put_secret_value(SecretId=secret, SecretString=value)
    time.sleep(KEEP_UNKNOWN_S)


def measure(cloud: RunningCloud, runs: int) -> Spread:
    """The time between the provider's first token and the caller's first `text.delta`."""
    with timed_provider(cloud) as provider:
        tenant = calculating_agent(cloud, "first byte", model="timed/any")
        values = []
        for _ in range(WARM_UP + runs):
            events = list(tenant.stream("clerk", "Say hello."))
            first = next(event for event in events if event.name == "text.delta")
            values.append((first.at - provider.first_token_at) * 1000)
    return Spread.of(values[WARM_UP:])
