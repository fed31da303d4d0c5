"""Cancels a run, also while its model speaks."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api import CANCEL_RUN
from orchstack.agent_runtime.model.runs import RunView
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.agent_runtime import canceller
from orchstack.wiring.http import endpoint


@endpoint(CANCEL_RUN)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """End the run, and show it as it stands then."""
    run = canceller().cancel(request.principal, UUID(request.path["run_id"]))
    return Answer(body=RunView.of(run))
