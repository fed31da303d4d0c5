"""Named queries: SQL lives in `.sql` files beside the adapter that runs it."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


@cache
def load(package: str, name: str = "queries.sql") -> dict[str, LiteralString]:
    """Read the queries of a package's file; each follows a line `-- name: insert_run`.

    Raises ValueError where two queries share a name.
    """
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{name}: two queries share a name")
    return {key: body.strip().rstrip(";") for key, body in zip(names, bodies, strict=True)}
