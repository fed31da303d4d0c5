from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from orchstack.local.logs import LogFilter, LogSink, Source, tail

RUNS = Source("agent_runtime", "start_run", "r1")
EVENTS = Source("event_bus", "relay_outbox", "r2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log lies."""
    return tmp_path / "logs" / "functions.jsonl"


def _messages(path: Path, **wanted: Any) -> list[str]:
    return [entry["message"] for entry in tail(path, wanted=LogFilter(**wanted))]


def test_structured_lines_are_enriched(path: Path) -> None:
    """A JSON line keeps its fields and gains time, service, function and request."""
    sink = LogSink(path)
    sink.line(RUNS, json.dumps({"level": "DEBUG", "message": "hi", "tenant_id": "t"}).encode())
    sink.close()

    (entry,) = tail(path)
    assert entry.pop("time").endswith("Z")
    assert {
        "level": "DEBUG",
        "message": "hi",
        "tenant_id": "t",
        "service": "agent_runtime",
        "function": "start_run",
        "request_id": "r1",
        "invocation_id": "r1",
    } == entry


def test_a_function_may_name_the_request(path: Path) -> None:
    """The id that the API gave its caller stays, and finds the line as the invocation's does."""
    sink = LogSink(path)
    sink.line(RUNS, json.dumps({"message": "hi", "request_id": "as the caller knows it"}).encode())
    sink.close()

    assert ["hi"] == _messages(path, request_id="as the caller knows it")
    assert ["hi"] == _messages(path, request_id="r1")


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        (b"plain\r\n", "INFO", "plain"),
        (b"[WARNING]\tlook out", "WARNING", "[WARNING]\tlook out"),
        (b"{no json", "INFO", "{no json"),
        (b"\xff", "INFO", "\N{REPLACEMENT CHARACTER}"),
        (b'{"errorType":"A","errorMessage":"b","level":"ERROR"}', "ERROR", "A: b"),
        (b'{"other":1}', "INFO", ""),
    ],
)
def test_any_line_becomes_an_entry(path: Path, line: bytes, level: str, message: str) -> None:
    """Whatever a function prints is one entry with a level and a message."""
    sink = LogSink(path)
    sink.line(RUNS, line)
    sink.close()

    (entry,) = tail(path)
    assert (level, message) == (entry["level"], entry["message"])


def test_readers_choose(path: Path) -> None:
    """A filter keeps a service, a function, a request, or what is at least of a level."""
    sink = LogSink(path)
    sink.line(RUNS, b"[ERROR] one")
    sink.line(EVENTS, b"two")
    sink.event(EVENTS, "platform.start", {"version": "1"}, "DEBUG")
    sink.close()

    assert ["[ERROR] one"] == _messages(path, service="agent_runtime")
    assert ["two", "platform.start version=1"] == _messages(path, function="relay")
    assert ["[ERROR] one"] == _messages(path, request_id="r1")
    assert ["[ERROR] one"] == _messages(path, level="warning")
    assert ["[ERROR] one", "two"] == _messages(path, level="INFO")
    assert ["two"] == [entry["message"] for entry in tail(path, last=2)][:1]


def test_the_file_rotates(path: Path) -> None:
    """A full file becomes `.1`, and no more than two files are kept."""
    sink = LogSink(path, rotate_bytes=1000)
    for number in range(30):
        sink.line(RUNS, f"line {number}".encode())
    sink.close()

    kept = sorted(file.name for file in path.parent.iterdir())
    assert ["functions.jsonl", "functions.jsonl.1"] == kept
    assert all(file.stat().st_size < 1200 for file in path.parent.iterdir())
    assert "line 29" == [*_messages(path.with_name(kept[1])), *_messages(path)][-1]


def test_a_follower_misses_nothing(path: Path) -> None:
    """Following sees the log appear, grow and rotate; a line is read when it is whole."""
    seen: list[str] = []
    follower = tail(path, follow=True)
    reader = threading.Thread(
        target=lambda: seen.extend(next(follower)["message"] for _ in range(6))
    )
    reader.start()
    sink = LogSink(path, rotate_bytes=300)

    for number in range(6):
        sink.line(RUNS, f"line {number}".encode())
        time.sleep(0.25)

    reader.join(5)
    follower.close()
    assert [f"line {number}" for number in range(6)] == seen
    sink.close()
