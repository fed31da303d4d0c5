"""Revokes an API key."""

from __future__ import annotations

from uuid import UUID

from orchstack.control_plane.api import REVOKE_KEY
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.control_plane import keys
from orchstack.wiring.http import endpoint


@endpoint(REVOKE_KEY)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the key as it is now."""
    return Answer(body=keys().revoke(request.principal, UUID(request.path["key_id"])))
