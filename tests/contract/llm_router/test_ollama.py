"""Finding an Ollama on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from orchstack.local.llm.discover import discover


@contextmanager
def ollama(body: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """A server that gives the body to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(pause_s)
            self.send_response(200 if self.path == "/api/tags" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_its_newest_model_answers() -> None:
    """Of Ollama's models the one that was changed last is taken."""
    models = [
        {"name": "old:1b", "modified_at": "2025-01-01T00:00:00Z"},
        {"name": "new:3b", "modified_at": "2026-01-01T00:00:00Z"},
    ]
    with ollama(json.dumps({"models": models}).encode()) as address:
        found = discover({}, ollama=address)

    assert "ollama/new:3b" == found.default
    assert f"{address}/v1" == json.loads(found.secret)["providers"]["ollama"]["base_url"]


@pytest.mark.parametrize("body", [b'{"models": []}', b"{}", b"[]", b"<html>", b'{"models": [7]}'])
def test_without_models_it_does_not_count(body: bytes) -> None:
    """An Ollama without a model, or something else on its port, is passed by."""
    with ollama(body) as address:
        assert "builtin/echo" == discover({}, ollama=address).default


def test_nobody_waits_for_it() -> None:
    """What does not answer quickly is not there."""
    before = time.monotonic()
    with ollama(b"{}", pause_s=1.0) as address:
        assert "builtin/echo" == discover({}, ollama=address).default
        assert time.monotonic() - before < 0.9
