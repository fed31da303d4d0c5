"""Lists the tenants of the installation."""

from __future__ import annotations

from orchstack.control_plane.api import LIST_TENANTS
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.kernel.pagination import PageQuery
from orchstack.wiring.control_plane import tenants
from orchstack.wiring.http import endpoint


@endpoint(LIST_TENANTS)
def handler(request: Request[NoBody, PageQuery]) -> Answer:
    """Answer with one page."""
    return Answer(body=tenants().page(request.query))
