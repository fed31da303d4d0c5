"""Gets one version of an agent."""

from __future__ import annotations

from orchstack.control_plane.api import GET_AGENT, AgentQuery
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(GET_AGENT)
def handler(request: Request[NoBody, AgentQuery]) -> Answer:
    """Answer with the version asked for, else the live one."""
    found = agents().get(
        request.principal.tenant_id,
        request.path["agent"],
        version=request.query.version,
        alias=request.query.alias,
    )
    return Answer(body=found)
