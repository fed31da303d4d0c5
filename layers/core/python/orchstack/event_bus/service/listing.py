"""Events and audit entries as pages that can be followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from orchstack.event_bus.model import Selection
from orchstack.event_bus.ports import Announcements
from orchstack.kernel.events import AuditEntry, Event
from orchstack.kernel.pagination import Page, encode_cursor, number_up_to, position_of

T = TypeVar("T", Event, AuditEntry)

# A position is a PostgreSQL bigint.
MAX_POSITION = 9_223_372_036_854_775_807


class Listing:
    """Lists what a tenant's services announced.

    A cursor is a place that either order goes on from, and the last page carries one too: asked
    with it again in ascending order, the events give what came since, without gap or repeat. Audit
    entries stand in the order of their writing: one whose transaction was slow to commit may come
    in before a place that was read already.
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
    after = position_of(cursor, listing, number_up_to(MAX_POSITION))
    found = read(tenant_id, replace(selection, after=after, limit=selection.limit + 1))
    shown = found[: selection.limit]
    place = shown[-1][0] if shown else after
    return Page(
        items=tuple(item for _, item in shown),
        next_cursor=None if place is None else encode_cursor(listing, str(place)),
        has_more=len(found) > selection.limit,
    )
