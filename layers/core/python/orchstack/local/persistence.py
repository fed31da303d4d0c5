"""Keeps S3 objects, secrets and KMS keys over restarts.

A change is on disk within a second: a document a service, replaced as a whole by renaming, and a
file for the bytes of each object. Whenever the process dies, the last whole document is there.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from orchstack.kernel.plain import JsonObject
from orchstack.local.failures import CannotDeploy
from orchstack.local.state import objects, snapshots
from orchstack.local.values import Value

SERVICES = ("kms", "secretsmanager", "s3")

# Changes come in flurries; one writing serves them all.
_SETTLE_S = 0.2
_TRIES = 5

_log = logging.getLogger(__name__)


class Persistence:
    """Writes what changed, and puts it back at the next start."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in `folder`, readable by its owner alone: there are secrets in it."""
        self._folder = folder
        self._blobs = folder / "objects"
        self._blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._dirty: set[str] = set()
        self._written: dict[str, bytes] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="persistence", daemon=True)

    def start(self) -> None:
        """Write changes from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is still to be written."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2)
        self._write(set(SERVICES))

    def changed(self, service: str) -> None:
        """Note that a service's state may have changed."""
        if service in SERVICES:
            self._dirty.add(service)
            self._wake.set()

    def restore(self) -> None:
        """Put everything back; raises CannotDeploy if a document is damaged."""
        snapshots.restore_keys(self._read("kms"))
        snapshots.restore_secrets(self._read("secretsmanager"))
        kept = self._read("s3")
        objects.restore_buckets(kept, lambda digest: (self._blobs / digest).read_bytes())

    def status(self) -> dict[str, int]:
        """How much is kept: documents' bytes by service, and the number of object files."""
        sizes = {service: len(self._written.get(service, b"")) for service in SERVICES}
        return sizes | {"object_files": sum(1 for _ in self._blobs.iterdir())}

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._stopping.wait(_SETTLE_S)
            self._wake.clear()
            dirty, self._dirty = self._dirty, set()
            try:
                self._write(dirty)
            except OSError:
                _log.exception("changes could not be written; trying again with the next one")
                self._dirty |= dirty

    def _write(self, services: set[str]) -> None:
        with self._writing:
            for service in services:
                content = json.dumps(self._snapshot(service), default=_pack).encode()
                if content != self._written.get(service):
                    _replace(self._document(service), content)
                    self._written[service] = content
            if "s3" in services:
                self._remove_unused()

    def _snapshot(self, service: str) -> list[JsonObject]:
        takes: dict[str, Callable[[], list[JsonObject]]] = {
            "kms": snapshots.keys,
            "secretsmanager": snapshots.secrets,
            "s3": lambda: objects.buckets(self._keep),
        }
        for _ in range(_TRIES - 1):
            try:
                return takes[service]()
            except RuntimeError:  # a request changed a dictionary we were walking through
                continue
        return takes[service]()

    def _keep(self, digest: str, value: bytes) -> None:
        if not (self._blobs / digest).exists():
            _replace(self._blobs / digest, value)

    def _remove_unused(self) -> None:
        used = objects.digests(json.loads(self._written["s3"]))
        for file in self._blobs.iterdir():
            if file.name not in used:
                file.unlink()

    def _document(self, service: str) -> Path:
        return self._folder / f"{service}.json"

    def _read(self, service: str) -> list[JsonObject]:
        try:
            content = self._document(service).read_bytes()
        except FileNotFoundError:
            return []
        try:
            documents: list[JsonObject] = json.loads(content, object_hook=_unpack)
        except ValueError:
            raise CannotDeploy(
                f"{self._document(service)} is damaged; restore it, or begin anew with `make reset`"
            ) from None
        self._written[service] = content
        return documents


def _replace(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as output:
        output.write(content)
        output.flush()
        os.fsync(output.fileno())
    draft.replace(file)


def _pack(value: Value) -> Value:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    raise TypeError(f"{value!r} cannot be kept")


def _unpack(document: JsonObject) -> Value:
    if "$bytes" in document:
        return base64.b64decode(document["$bytes"])
    if "$time" in document:
        return datetime.fromisoformat(document["$time"])
    return document
