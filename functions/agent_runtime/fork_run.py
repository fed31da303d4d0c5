"""Begins a new run from a step of another one, with something changed."""

from __future__ import annotations

from orchstack.agent_runtime.api import reply, request_key
from orchstack.agent_runtime.api_records import FORK_RUN, ForkRun, forked
from orchstack.kernel.http import Answer, EventStream, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import forker


@endpoint(FORK_RUN)
def handler(request: Request[ForkRun, NoQuery]) -> Answer | EventStream:
    """Begin the fork, or find again the one that the Idempotency-Key stands for."""
    fork = forked(request)
    answering = forker().fork(
        request.principal, fork, key=request_key(request), deadline=request.deadline
    )
    return reply(fork.mode, answering)
