"""Pages of a listing: an opaque cursor says where the next one begins."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from orchstack.kernel.errors import InvalidCursor
from orchstack.kernel.frozen import Frozen

MAX_LIMIT = 100
MAX_CURSOR = 512
_SEPARATOR = "\x1f"
_CHECKSUM_BYTES = 6

ItemT = TypeVar("ItemT")
RowT = TypeVar("RowT")
PositionT = TypeVar("PositionT")


class PageQuery(Frozen):
    """The query parameters of every listing."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Items on a page.")] = 20
    cursor: Annotated[
        str | None, Field(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
    ] = None


class Page(BaseModel, Generic[ItemT]):
    """One page; `next_cursor` is null on the last one."""

    model_config = ConfigDict(frozen=True)

    items: tuple[ItemT, ...]
    next_cursor: str | None = None
    has_more: bool = False


def encode_cursor(listing: str, position: str) -> str:
    """Make the cursor of a position (the last item's sort key) in a listing (such as `runs`)."""
    payload = f"{listing}{_SEPARATOR}{position}".encode()
    return base64.urlsafe_b64encode(_checksum(payload) + payload).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str) -> str:
    """Give the position a cursor stands for; raises InvalidCursor if it is not this listing's."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        checksum, payload = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        owner, separator, position = payload.decode().partition(_SEPARATOR)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    canonical = cursor == encode_cursor(owner, position)
    if checksum != _checksum(payload) or owner != listing or not separator or not canonical:
        raise InvalidCursor
    return position


def position_of(
    cursor: str | None, listing: str, read: Callable[[str], PositionT]
) -> PositionT | None:
    """Give the position a cursor stands for, None without one; raises InvalidCursor.

    `read` raises ValueError at what is no position: anybody can write a cursor.
    """
    if cursor is None:
        return None
    try:
        return read(decode_cursor(listing, cursor))
    except ValueError:
        raise InvalidCursor from None


def number_up_to(most: int) -> Callable[[str], int]:
    """Give a reader of whole numbers, for `position_of`."""

    def read(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) <= len(str(most)) else most + 1
        if number > most:
            raise ValueError("no position")
        return number

    return read


def paginate(
    rows: Sequence[RowT],
    *,
    limit: int,
    listing: str,
    position: Callable[[RowT], str],
    item: Callable[[RowT], ItemT],
) -> Page[ItemT]:
    """Make a page of rows that were asked for with `limit + 1`; the one too many proves more."""
    shown = rows[:limit]
    has_more = len(rows) > limit
    cursor = encode_cursor(listing, position(shown[-1])) if has_more else None
    return Page(items=tuple(item(row) for row in shown), next_cursor=cursor, has_more=has_more)


def _checksum(payload: bytes) -> bytes:
    """Catches mistyped and invented cursors; it proves nothing, row-level security does that."""
    return hashlib.sha256(payload).digest()[:_CHECKSUM_BYTES]
