"""Removing what the local cloud keeps, and nothing else that may lie beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchstack.local.lock import StateLock
from orchstack.local.postgres_files import erase

OURS = (
    "aws",
    "cdk.out",
    "cdk.out.draft",
    "cdk.out.sha256",
    "cloud.json",
    "credentials.json",
    "logs",
)


def forget(folder: Path) -> None:
    """Remove the state in a folder, and the folder if nothing else is in it.

    Raises AlreadyRunning, naming the process, while a local cloud uses it.
    """
    lock = StateLock(folder)
    lock.acquire()
    try:
        # The database may live elsewhere, where its own user can reach it.
        erase(folder / "postgres")
        for name in OURS:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        (folder / "lock").unlink()
    finally:
        lock.release()
    if not any(folder.iterdir()):
        folder.rmdir()
