"""The difference between two documents, field by field."""

from __future__ import annotations

from collections.abc import Iterator

from orchstack.control_plane.model.agents import Change
from orchstack.kernel.json_lines import pointer
from orchstack.kernel.plain import JsonObject

_Path = tuple[str, ...]


def changes_between(before: JsonObject, after: JsonObject) -> tuple[Change, ...]:
    """Give what changed, in the order of the fields; objects are compared inside, lists whole."""
    return tuple(_changes(before, after, ()))


def _changes(before: JsonObject, after: JsonObject, path: _Path) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        place = (*path, name)
        if name not in after:
            yield Change(path=pointer(place), kind="removed", before=before[name])
        elif name not in before:
            yield Change(path=pointer(place), kind="added", after=after[name])
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            yield from _changes(before[name], after[name], place)
        elif before[name] != after[name]:
            yield Change(
                path=pointer(place), kind="changed", before=before[name], after=after[name]
            )
