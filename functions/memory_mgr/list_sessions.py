"""Lists the sessions of a tenant."""

from __future__ import annotations

from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.memory_mgr.api import LIST_SESSIONS, SessionsQuery
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import sessions


@endpoint(LIST_SESSIONS)
def handler(request: Request[NoBody, SessionsQuery]) -> Answer:
    """Answer with one page, the last active first."""
    query = request.query
    return Answer(body=sessions().page(request.principal.tenant_id, query, agent=query.agent))
