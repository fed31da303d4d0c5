"""Gives a session another title."""

from __future__ import annotations

from uuid import UUID

from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.memory_mgr.api import RENAME_SESSION, SessionRename
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import sessions


@endpoint(RENAME_SESSION)
def handler(request: Request[SessionRename, NoQuery]) -> Answer:
    """Answer with the session as it is now."""
    session_id = UUID(request.path["session_id"])
    return Answer(body=sessions().rename(request.principal, session_id, request.body.title))
