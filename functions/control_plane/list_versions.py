"""Lists the versions of an agent."""

from __future__ import annotations

from orchstack.control_plane.api import LIST_VERSIONS
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.kernel.pagination import PageQuery
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(LIST_VERSIONS)
def handler(request: Request[NoBody, PageQuery]) -> Answer:
    """Answer with one page."""
    page = agents().versions(request.principal.tenant_id, request.path["agent"], request.query)
    return Answer(body=page)
