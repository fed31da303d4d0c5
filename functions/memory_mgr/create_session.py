"""Begins a session."""

from __future__ import annotations

from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.memory_mgr.api import CREATE_SESSION, SessionRequest
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import sessions


@endpoint(CREATE_SESSION)
def handler(request: Request[SessionRequest, NoQuery]) -> Answer:
    """Answer with the session."""
    wanted = request.body
    made = sessions().create(
        request.principal,
        agent=wanted.agent,
        title=wanted.title,
        metadata=wanted.metadata,
        session_id=wanted.id,
    )
    return Answer(status=201, body=made, headers={"Location": f"/v1/sessions/{made.id}"})
