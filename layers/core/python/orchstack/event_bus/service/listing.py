"""Events and audit entries as pages that can be followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from orchstack.event_bus.model import Selection
from orchstack.event_bus.ports import Announcements
from orchstack.kernel.errors import InvalidCursor
from orchstack.kernel.events import AuditEntry, Event
from orchstack.kernel.pagination import Page, decode_cursor, encode_cursor

T = TypeVar("T", Event, AuditEntry)

# A position is a PostgreSQL bigint; any number this long fits.
MAX_DIGITS = 18


class Listing:
    """Lists what a tenant's services announced.

    Ascending, the last page carries a cursor too: asked again with it, the listing gives what came
    since, without gap or repeat.
    """

    def __init__(self, announcements: Announcements) -> None:
        """Take where events and audit entries are kept."""
        self._announcements = announcements

    def events(self, tenant_id: UUID, selection: Selection, cursor: str | None) -> Page[Event]:
        """Give a page of published events. Raises InvalidCursor."""
        return _page("events", tenant_id, selection, cursor, self._announcements.events)

    def audit(self, tenant_id: UUID, selection: Selection, cursor: str | None) -> Page[AuditEntry]:
        """Give a page of audit entries. Raises InvalidCursor."""
        return _page("audit", tenant_id, selection, cursor, self._announcements.audit)


def _page(
    listing: str,
    tenant_id: UUID,
    selection: Selection,
    cursor: str | None,
    read: Callable[[UUID, Selection], list[tuple[int, T]]],
) -> Page[T]:
    name = f"{listing}.{selection.order}"
    after = None if cursor is None else _position(name, cursor)
    found = read(tenant_id, replace(selection, after=after, limit=selection.limit + 1))
    shown = found[: selection.limit]
    has_more = len(found) > selection.limit
    last = shown[-1][0] if shown else after
    # Ascending, the end of the listing is where the next event will stand: the cursor stays useful.
    wanted = has_more or selection.order == "asc"
    return Page(
        items=tuple(item for _, item in shown),
        next_cursor=encode_cursor(name, str(last)) if wanted and last is not None else None,
        has_more=has_more,
    )


def _position(listing: str, cursor: str) -> int:
    position = decode_cursor(listing, cursor)
    if not position.isdecimal() or len(position) > MAX_DIGITS:
        raise InvalidCursor
    return int(position)
