"""Deletes a session with all that was said in it."""

from __future__ import annotations

from uuid import UUID

from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.memory_mgr.api import DELETE_SESSION
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import sessions


@endpoint(DELETE_SESSION)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with what is left of it."""
    return Answer(body=sessions().delete(request.principal, UUID(request.path["session_id"])))
