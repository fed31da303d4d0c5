"""Lists the steps of a run."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import LIST_STEPS
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.kernel.pagination import PageQuery
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import run_steps


@endpoint(LIST_STEPS)
def handler(request: Request[NoBody, PageQuery]) -> Answer:
    """Answer with one page, in order."""
    run_id = UUID(request.path["run_id"])
    return Answer(body=run_steps().page(request.principal.tenant_id, run_id, request.query))
