"""Asks an agent: streams what happens, or answers with the whole run."""

from __future__ import annotations

from orchstack.agent_runtime.api import START_RUN, StartRun, asked, reply, request_key
from orchstack.kernel.http import Answer, EventStream, NoQuery, Request
from orchstack.wiring.agent_runtime import runtime
from orchstack.wiring.http import endpoint


@endpoint(START_RUN)
def handler(request: Request[StartRun, NoQuery]) -> Answer | EventStream:
    """Begin a run, or find again the one that the Idempotency-Key stands for."""
    ask = asked(request)
    answering = runtime().start(
        request.principal, ask, key=request_key(request), deadline=request.deadline
    )
    return reply(ask.mode, answering)
