"""Lists the agents of a tenant."""

from __future__ import annotations

from orchstack.control_plane.api import LIST_AGENTS
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.kernel.pagination import PageQuery
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(LIST_AGENTS)
def handler(request: Request[NoBody, PageQuery]) -> Answer:
    """Answer with one page."""
    return Answer(body=agents().page(request.principal.tenant_id, request.query))
