"""Events and audit entries: what a service announces, written in the transaction of the change."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from orchstack.kernel.frozen import Frozen
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject


class Event(Frozen):
    """A CloudEvents 1.0 envelope; the EventBridge `detail` is exactly this, as JSON.

    `type` is `<service>.<PastTense>.v<n>`; `source` is `orchstack.<service>`; `subject` names the
    object.
    """

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Annotated[str, Field(pattern=r"^orchstack\.[a-z_]+$")]
    type: Annotated[str, Field(pattern=r"^[a-z_]+\.[A-Z][A-Za-z]+\.v[0-9]+$")]
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    tenantid: UUID
    data: JsonObject


def type_of(service: str, data: type[BaseModel]) -> str:
    """Name the type of a service's event after the class of its data."""
    return f"{service}.{data.__name__}.v1"


def event_of(
    service: str, data: BaseModel, *, tenant_id: UUID, subject: str, at: datetime
) -> Event:
    """Put data into the envelope in which its service announces it."""
    return Event(
        id=new_id(),
        source=f"orchstack.{service}",
        type=type_of(service, type(data)),
        subject=subject,
        time=at,
        tenantid=tenant_id,
        data=data.model_dump(mode="json"),
    )


class AuditEntry(Frozen):
    """One append-only line of the audit log: who did what to which object, with what outcome.

    `actor` is `key:<id>`, `run:<id>` or `system:<service>`; `action` is `<noun>.<verb>`; `facts`
    never holds secrets or message text, only ids, counts, names and hashes.
    """

    id: UUID
    tenant_id: UUID
    at: AwareDatetime
    actor: str
    action: str
    subject: str
    outcome: Literal["allowed", "denied", "succeeded", "failed"]
    facts: JsonObject = {}


class Announcement(Frozen):
    """The events and audit entries that one change owes, written together with the change."""

    events: tuple[Event, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
