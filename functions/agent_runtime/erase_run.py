"""Erases the texts of a run that is over."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import ERASE_RUN
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import eraser


@endpoint(ERASE_RUN)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the run as it is then."""
    return Answer(body=eraser().erase(request.principal, UUID(request.path["run_id"])))
