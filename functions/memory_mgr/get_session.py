"""Shows a session."""

from __future__ import annotations

from uuid import UUID

from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.memory_mgr.api import GET_SESSION
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import sessions


@endpoint(GET_SESSION)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the session and the runs under way in it."""
    session_id = UUID(request.path["session_id"])
    return Answer(body=sessions().detail(request.principal.tenant_id, session_id))
