"""Shows one step of a run."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import GET_STEP
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import run_steps


@endpoint(GET_STEP)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the step."""
    run_id, seq = UUID(request.path["run_id"]), int(request.path["seq"])
    return Answer(body=run_steps().step(request.principal.tenant_id, run_id, seq))
