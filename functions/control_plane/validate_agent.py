"""Says what publishing a document would come to."""

from __future__ import annotations

from orchstack.control_plane.api import VALIDATE_AGENT, JsonDocument
from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(VALIDATE_AGENT)
def handler(request: Request[JsonDocument, NoQuery]) -> Answer:
    """Answer with all faults and the difference to the live version."""
    tenant_id, agent = request.principal.tenant_id, request.path["agent"]
    return Answer(body=agents().validate(tenant_id, agent, request.body.root))
