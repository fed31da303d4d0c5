"""Makes a tenant and its first API key."""

from __future__ import annotations

from orchstack.control_plane.api import CREATE_TENANT, TenantRequest
from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.wiring.control_plane import tenants
from orchstack.wiring.http import endpoint


@endpoint(CREATE_TENANT)
def handler(request: Request[TenantRequest, NoQuery]) -> Answer:
    """Answer with the tenant and the secret of its key, which a replay leaves out."""
    made = tenants().create(request.principal, request.body.name, request.body.limits)
    return Answer(status=201, body=made, stored_body=made.without_secret())
