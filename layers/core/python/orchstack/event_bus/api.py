"""The operations of the event bus in the public API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchstack.event_bus.model import EventType
from orchstack.kernel.events import AuditEntry, Event
from orchstack.kernel.http import NoBody, Operation
from orchstack.kernel.pagination import Page, PageQuery
from orchstack.kernel.tenancy import Scope

Subject = Annotated[str, Field(min_length=1, max_length=200)]


class EventsQuery(PageQuery):
    """Which events; `order=asc` with the last `next_cursor` gives those published since."""

    order: Literal["asc", "desc"] = "desc"
    type: EventType | None = None
    subject: Subject | None = None


class AuditQuery(PageQuery):
    """Which audit entries."""

    order: Literal["asc", "desc"] = "desc"
    action: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=100)] | None = None
    subject: Subject | None = None


LIST_EVENTS = Operation(
    id="list_events",
    method="GET",
    path="/v1/events",
    summary="List the events of your tenant, in the order in which they were published",
    function="event_bus/list_events",
    scope=Scope.EVENTS_READ,
    response=Page[Event],
    body=NoBody,
    query=EventsQuery,
)

LIST_AUDIT = Operation(
    id="list_audit",
    method="GET",
    path="/v1/audit",
    summary="List the audit log of your tenant",
    function="event_bus/list_audit",
    scope=Scope.AUDIT_READ,
    response=Page[AuditEntry],
    body=NoBody,
    query=AuditQuery,
)

OPERATIONS = (LIST_EVENTS, LIST_AUDIT)
