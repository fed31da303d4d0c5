"""Notices that code changed: the modification times of the .py files under some folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

Stamps = dict[str, int]


class CodeWatch:
    """Remembers what folders looked like when it saw them last."""

    def __init__(self) -> None:
        self._seen: dict[Path, Stamps] = {}

    def changed(self, folders: Iterable[Path]) -> set[Path]:
        """Look at the folders; gives those that look different, but not those seen first now."""
        now = {folder: _stamps(folder) for folder in folders}
        before, self._seen = self._seen, now
        return {folder for folder in now if folder in before and now[folder] != before[folder]}


def _stamps(folder: Path) -> Stamps:
    return dict(_python_files(str(folder)))


def _python_files(folder: str) -> Iterator[tuple[str, int]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            try:
                yield entry.path, entry.stat().st_mtime_ns
            except OSError:
                continue
        elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
            yield from _python_files(entry.path)
