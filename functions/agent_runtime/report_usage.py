"""Adds up what a tenant used."""

from __future__ import annotations

from orchstack.agent_runtime.api_outcomes import (
    REPORT_USAGE,
    UsageQuery,
    as_csv,
    period,
    wants_csv,
)
from orchstack.kernel.http import Answer, NoBody, Request, TextAnswer
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import usage


@endpoint(REPORT_USAGE)
def handler(request: Request[NoBody, UsageQuery]) -> Answer | TextAnswer:
    """Answer with the report, or its table."""
    query, tenant_id = request.query, request.principal.tenant_id
    if wants_csv(request):
        return as_csv(usage().table(tenant_id, period(query), query.group_by), "usage.csv")
    return Answer(body=usage().report(tenant_id, period(query), query.group_by))
