"""Follows a run, whoever carries it on, from any place in its tale to its end."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import (
    STREAM_RUN_EVENTS,
    EventsQuery,
    framed,
    names,
    place,
)
from orchstack.kernel.http import EventStream, NoBody, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import follower


@endpoint(STREAM_RUN_EVENTS)
def handler(request: Request[NoBody, EventsQuery]) -> EventStream:
    """Stream the run's events behind the one that the reader saw last."""
    events = follower().follow(
        request.principal.tenant_id,
        UUID(request.path["run_id"]),
        after=place(request),
        names=names(request.query),
        deadline=request.deadline,
    )
    return EventStream(events=framed(events), headers={"OrchStack-Run-Id": request.path["run_id"]})
