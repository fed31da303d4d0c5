"""Decides a run anew from its journal, and compares."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import REPLAY_RUN
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import replayer


@endpoint(REPLAY_RUN)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the decisions, and the first that differs."""
    run_id = UUID(request.path["run_id"])
    return Answer(body=replayer().replay(request.principal.tenant_id, run_id))
