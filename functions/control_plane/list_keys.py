"""Lists the API keys of a tenant."""

from __future__ import annotations

from orchstack.control_plane.api import LIST_KEYS
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.kernel.pagination import PageQuery
from orchstack.wiring.control_plane import keys
from orchstack.wiring.http import endpoint


@endpoint(LIST_KEYS)
def handler(request: Request[NoBody, PageQuery]) -> Answer:
    """Answer with one page."""
    return Answer(body=keys().page(request.principal.tenant_id, request.query))
