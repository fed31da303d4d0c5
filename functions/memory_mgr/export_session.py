"""Writes a session out as a document."""

from __future__ import annotations

from uuid import UUID

from orchstack.kernel.http import NoBody, Request, TextAnswer
from orchstack.memory_mgr.api import ENDINGS, EXPORT_SESSION, MEDIA_TYPES, ExportQuery
from orchstack.wiring.http import endpoint
from orchstack.wiring.sessions import exporter


@endpoint(EXPORT_SESSION)
def handler(request: Request[NoBody, ExportQuery]) -> TextAnswer:
    """Answer with the document, piece by piece as it is read."""
    session_id, form = UUID(request.path["session_id"]), request.query.format
    return TextAnswer(
        content=exporter().export(request.principal.tenant_id, session_id, form),
        media_type=MEDIA_TYPES[form],
        filename=f"session-{session_id}.{ENDINGS[form]}",
    )
