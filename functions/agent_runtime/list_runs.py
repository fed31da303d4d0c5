"""Lists the runs of a tenant."""

from __future__ import annotations

from orchstack.agent_runtime.api import LIST_RUNS, RunsQuery
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.agent_runtime import records
from orchstack.wiring.http import endpoint


@endpoint(LIST_RUNS)
def handler(request: Request[NoBody, RunsQuery]) -> Answer:
    """Answer with one page, newest first."""
    query = request.query
    page = records().page(
        request.principal.tenant_id, query, agent=query.agent, status=query.status
    )
    return Answer(body=page)
