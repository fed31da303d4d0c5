"""GET /v1/events: the tenant's events in the order in which they were published."""

from __future__ import annotations

from orchstack.event_bus.api import LIST_EVENTS, EventsQuery
from orchstack.event_bus.model import Selection
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.event_bus import listing
from orchstack.wiring.http import endpoint


@endpoint(LIST_EVENTS)
def handler(request: Request[NoBody, EventsQuery]) -> Answer:
    """Give one page."""
    query = request.query
    selection = Selection(
        limit=query.limit, order=query.order, kind=query.type, subject=query.subject
    )
    return Answer(body=listing().events(request.principal.tenant_id, selection, query.cursor))
