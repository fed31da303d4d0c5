"""Where the local cloud keeps its state, and what it says of itself there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CLOUD_FILE = "cloud.json"
CREDENTIALS_FILE = "credentials.json"


def state_dir() -> Path:
    """ORCHSTACK_STATE, or `.orchstack` in this folder."""
    return Path(os.environ.get("ORCHSTACK_STATE") or ".orchstack")


def running_cloud(folder: Path) -> dict[str, Any] | None:
    """What the local cloud of a state folder wrote about itself, if its process lives."""
    cloud = read(folder / CLOUD_FILE)
    return cloud if cloud and _lives(cloud.get("pid")) else None


def read(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is absent or damaged counts as empty."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace a file that only its owner may read, as a whole."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    draft.replace(path)


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
