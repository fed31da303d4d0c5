"""Makes an API key."""

from __future__ import annotations

from orchstack.control_plane.api import CREATE_KEY, KeyRequest
from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.wiring.control_plane import keys
from orchstack.wiring.http import endpoint


@endpoint(CREATE_KEY)
def handler(request: Request[KeyRequest, NoQuery]) -> Answer:
    """Answer with the key and its secret, which a replay leaves out."""
    wanted = request.body
    made = keys().create(
        request.principal,
        name=wanted.name,
        scopes=wanted.scopes,
        environment=wanted.environment,
        expires_in_s=wanted.expires_in_s,
    )
    return Answer(status=201, body=made, stored_body=made.without_secret())
