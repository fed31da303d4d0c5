"""Shows what a run took and how it was reviewed."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_outcomes import GET_OUTCOME
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import reviewing


@endpoint(GET_OUTCOME)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with what is known so far."""
    run_id = UUID(request.path["run_id"])
    return Answer(body=reviewing().show(request.principal.tenant_id, run_id))
