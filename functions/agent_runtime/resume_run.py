"""Goes on with a run that waits for a human, or that nobody drives any more."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api import RESUME_RUN, ResumeRun, reply, resume_mode
from orchstack.kernel.http import Answer, EventStream, NoQuery, Request
from orchstack.wiring.agent_runtime import runtime
from orchstack.wiring.http import endpoint


@endpoint(RESUME_RUN)
def handler(request: Request[ResumeRun, NoQuery]) -> Answer | EventStream:
    """Hand the answer over, and carry the run on as the caller wants it."""
    mode = resume_mode(request)
    answering = runtime().resume(
        request.principal,
        UUID(request.path["run_id"]),
        answer=request.body.answer,
        mode=mode,
        deadline=request.deadline,
    )
    return reply(mode, answering)
