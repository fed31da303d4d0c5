"""Points an alias of an agent at a version, and at a canary beside it."""

from __future__ import annotations

from orchstack.control_plane.api import SET_ALIAS, AliasRequest
from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.wiring.control_plane import agents
from orchstack.wiring.http import endpoint


@endpoint(SET_ALIAS)
def handler(request: Request[AliasRequest, NoQuery]) -> Answer:
    """Answer with the alias as it is now."""
    alias = agents().set_alias(
        request.principal,
        request.path["agent"],
        request.path["alias"],
        request.body.version,
        request.body.canary,
    )
    return Answer(body=alias)
