"""The functions' logs: a file of JSON lines, written here and followed by the CLI."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from orchstack.kernel.plain import JsonMapping, JsonObject

_ROTATE_BYTES = 50 * 1024 * 1024
_POLL_S = 0.2
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

Entry = JsonObject


@dataclass(frozen=True)
class Source:
    """Who wrote an entry; `request_id` is that of the invocation."""

    service: str
    function: str
    request_id: str | None = None


class LogSink:
    """Appends entries to `.orchstack/logs/functions.jsonl`; at 50 MB the file becomes `….1`."""

    def __init__(self, path: Path, *, rotate_bytes: int = _ROTATE_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._rotate_bytes = rotate_bytes
        self._lock = threading.Lock()
        self._file = self._open()

    def line(self, source: Source, raw: bytes) -> None:
        """Write a line a function printed: JSON objects are enriched, plain text is wrapped."""
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        self._write(source, _parsed(text) or {"level": _level_of(text), "message": text})

    def event(self, source: Source, kind: str, record: JsonMapping, level: str) -> None:
        """Write an event of the platform, such as `platform.report` with its figures."""
        self._write(
            source,
            {
                "level": level,
                "message": f"{kind} {_figures(record)}",
                "type": kind,
                "record": dict(record),
            },
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, source: Source, fields: Entry) -> None:
        entry: Entry = {
            "time": _now(),
            **fields,
            "service": source.service,
            "function": source.function,
        }
        if source.request_id is not None:
            # What a function calls the request, as its caller does, comes before Lambda's own id.
            entry.setdefault("request_id", source.request_id)
            entry["invocation_id"] = source.request_id
        data = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._file.write(data)
            self._size += len(data)
            if self._size >= self._rotate_bytes:
                self._file.close()
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                self._file = self._open()

    def _open(self) -> IO[bytes]:
        file = self.path.open("ab", buffering=0)
        self._size = file.tell()
        return file


def _parsed(text: str) -> Entry | None:
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    if "message" not in entry and "errorType" in entry:
        entry["message"] = f"{entry['errorType']}: {entry.get('errorMessage', '')}"
    entry.setdefault("level", "INFO")
    entry.setdefault("message", "")
    return entry


def _level_of(text: str) -> str:
    # The runtime's plain format begins with "[LEVEL]".
    word = text[1:].partition("]")[0] if text.startswith("[") else ""
    return word if word in _LEVELS else "INFO"


def _figures(record: JsonMapping) -> str:
    return " ".join(f"{name}={value}" for name, value in record.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class LogFilter:
    """Which entries a reader wants; None wants all. `level` is the lowest one.

    `request_id` may be the name that the API gave a request, or an invocation's id.
    """

    service: str | None = None
    function: str | None = None
    request_id: str | None = None
    run_id: str | None = None
    level: str | None = None

    def wants(self, entry: Entry) -> bool:
        """Whether the entry passes."""
        return (
            self.service in (None, entry.get("service"))
            and self.request_id in (None, entry.get("request_id"), entry.get("invocation_id"))
            and self.run_id in (None, entry.get("run_id"))
            and (self.function is None or self.function in str(entry.get("function", "")))
            and _rank(str(entry.get("level", "INFO"))) >= _rank(self.level or "DEBUG")
        )


def _rank(level: str) -> int:
    return _LEVELS.index(level.upper()) if level.upper() in _LEVELS else 1


def tail(
    path: Path, *, follow: bool = False, last: int | None = None, wanted: LogFilter | None = None
) -> Generator[Entry, None, None]:
    """Read the entries of a log file that pass; with `follow`, wait for more until closed.

    `last` keeps only that many of those already there.
    """
    chosen = wanted or LogFilter()
    file = _opened(path, follow=follow)
    try:
        yield from deque((entry for entry in _entries(file) if chosen.wants(entry)), maxlen=last)
        while follow:
            time.sleep(_POLL_S)
            # Whether the file was rotated is asked first: what it holds after that is final.
            rotated = _rotated(path, file)
            yield from (entry for entry in _entries(file) if chosen.wants(entry))
            if rotated:
                file.close()
                file = _opened(path, follow=True)
    finally:
        file.close()


def _rotated(path: Path, file: IO[bytes]) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _opened(path: Path, *, follow: bool) -> IO[bytes]:
    while follow and not path.exists():
        time.sleep(_POLL_S)
    return path.open("rb")


def _entries(file: IO[bytes]) -> Iterable[Entry]:
    while True:
        position = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            # A line that is still being written is read again when it is whole.
            file.seek(position)
            return
        yield json.loads(line)
