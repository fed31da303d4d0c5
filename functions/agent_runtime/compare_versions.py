"""Compares two versions of an agent."""

from __future__ import annotations

from orchstack.agent_runtime.api_outcomes import COMPARE_VERSIONS, ComparisonQuery, period
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import comparison


@endpoint(COMPARE_VERSIONS)
def handler(request: Request[NoBody, ComparisonQuery]) -> Answer:
    """Answer with both, their differences, and what those show."""
    query, tenant_id = request.query, request.principal.tenant_id
    versions = (query.a, query.b)
    return Answer(
        body=comparison().compare(tenant_id, request.path["agent"], versions, period(query))
    )
