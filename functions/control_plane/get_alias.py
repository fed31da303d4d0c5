"""Shows an alias of an agent, and its canary."""

from __future__ import annotations

from orchstack.control_plane.api import GET_ALIAS
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(GET_ALIAS)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the alias as it is now."""
    tenant_id, path = request.principal.tenant_id, request.path
    return Answer(body=agents().alias(tenant_id, path["agent"], path["alias"]))
