"""GET /v1/audit: who did what to which object of the tenant, with what outcome."""

from __future__ import annotations

from orchstack.event_bus.api import LIST_AUDIT, AuditQuery
from orchstack.event_bus.model import Selection
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.event_bus import listing
from orchstack.wiring.http import endpoint


@endpoint(LIST_AUDIT)
def handler(request: Request[NoBody, AuditQuery]) -> Answer:
    """Give one page."""
    query = request.query
    selection = Selection(
        limit=query.limit, order=query.order, kind=query.action, subject=query.subject
    )
    return Answer(body=listing().audit(request.principal.tenant_id, selection, query.cursor))
