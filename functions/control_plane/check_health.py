"""Says whether the installation and its stores answer."""

from __future__ import annotations

from orchstack.control_plane.api import CHECK_HEALTH
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.control_plane import health
from orchstack.wiring.http import endpoint


@endpoint(CHECK_HEALTH)
def handler(_request: Request[NoBody, NoQuery]) -> Answer:
    """Answer that all is well, or with a problem that names what is away."""
    return Answer(body=health().check())
