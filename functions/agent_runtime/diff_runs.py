"""Compares a run with another one."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import DIFF_RUNS, DiffQuery
from orchstack.kernel.http import Answer, NoBody, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import run_steps


@endpoint(DIFF_RUNS)
def handler(request: Request[NoBody, DiffQuery]) -> Answer:
    """Answer with the two runs side by side."""
    run_id, other = UUID(request.path["run_id"]), UUID(request.query.other)
    return Answer(body=run_steps().diff(request.principal.tenant_id, run_id, other))
