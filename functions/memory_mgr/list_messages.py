"""Lists what was said in a session."""

from __future__ import annotations

from uuid import UUID

from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.memory_mgr.api import LIST_MESSAGES, MessagesQuery
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import sessions


@endpoint(LIST_MESSAGES)
def handler(request: Request[NoBody, MessagesQuery]) -> Answer:
    """Answer with one page."""
    tenant_id, query = request.principal.tenant_id, request.query
    session_id = UUID(request.path["session_id"])
    return Answer(body=sessions().messages_page(tenant_id, session_id, query, query.order))
