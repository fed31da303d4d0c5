"""Shows a run with its journal."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api import GET_RUN
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.agent_runtime import records
from orchstack.wiring.http import endpoint


@endpoint(GET_RUN)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the run."""
    run_id = UUID(request.path["run_id"])
    return Answer(body=records().detail(request.principal.tenant_id, run_id))
