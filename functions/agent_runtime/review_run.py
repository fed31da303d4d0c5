"""Keeps what somebody says of a run."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_outcomes import REVIEW_RUN, ReviewRun, judgement
from orchstack.kernel.http import Answer, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.outcomes import reviewing


@endpoint(REVIEW_RUN)
def handler(request: Request[ReviewRun, NoQuery]) -> Answer:
    """Answer with the outcome as it now is."""
    run_id, reviewer = UUID(request.path["run_id"]), request.body.reviewer
    said = judgement(request)
    return Answer(body=reviewing().review(request.principal, run_id, said, reviewer=reviewer))
