"""Lists what became of runs, as pages or as a table."""

from __future__ import annotations

from orchstack.agent_runtime.api_outcomes import (
    LIST_OUTCOMES,
    OutcomesQuery,
    as_csv,
    choice,
    wants_csv,
)
from orchstack.kernel.http import Answer, NoBody, Request, TextAnswer
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import reviewing


@endpoint(LIST_OUTCOMES)
def handler(request: Request[NoBody, OutcomesQuery]) -> Answer | TextAnswer:
    """Answer with a page, or with as much of the table as fits and where the rest begins."""
    query, tenant_id = request.query, request.principal.tenant_id
    chosen = choice(query)
    if wants_csv(request):
        table, cursor = reviewing().table(tenant_id, chosen, cursor=query.cursor)
        return as_csv(table, "outcomes.csv", cursor)
    page = reviewing().page(tenant_id, chosen, limit=query.limit, cursor=query.cursor)
    return Answer(body=page)
