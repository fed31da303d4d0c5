"""Publishes an agent's document."""

from __future__ import annotations

from orchstack.control_plane.api import PUBLISH_AGENT, PublishQuery
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.http import Answer, Request
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(PUBLISH_AGENT)
def handler(request: Request[AgentDocument, PublishQuery]) -> Answer:
    """Answer with the version: 201 if it is new, 200 if there was one with this document."""
    version, is_new = agents().publish(
        request.principal, request.path["agent"], request.body, canary=request.query.canary
    )
    return Answer(status=201 if is_new else 200, body=version)
