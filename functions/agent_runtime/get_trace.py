"""Gives the trace of a run in OpenTelemetry's JSON."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_outcomes import GET_TRACE
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import tracing


@endpoint(GET_TRACE)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the spans so far, and those of the runs below."""
    return Answer(body=tracing().tree(request.principal.tenant_id, UUID(request.path["run_id"])))
