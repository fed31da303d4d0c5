"""Shows how the versions of an agent do."""

from __future__ import annotations

from orchstack.agent_runtime.api_outcomes import MEASURE_AGENT, PeriodQuery, period
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import usage


@endpoint(MEASURE_AGENT)
def handler(request: Request[NoBody, PeriodQuery]) -> Answer:
    """Answer with the statistics, the newest version first."""
    tenant_id, agent = request.principal.tenant_id, request.path["agent"]
    return Answer(body=usage().stats(tenant_id, agent, period(request.query)))
