"""Where a page begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from orchstack.kernel.errors import InvalidCursor
from orchstack.kernel.pagination import PageQuery, decode_cursor

PositionT = TypeVar("PositionT")


def position_of(
    query: PageQuery, listing: str, read: Callable[[str], PositionT]
) -> PositionT | None:
    """Give the position the cursor stands for, None without one; raises InvalidCursor."""
    if query.cursor is None:
        return None
    try:
        return read(decode_cursor(listing, query.cursor))
    except ValueError:
        raise InvalidCursor from None
