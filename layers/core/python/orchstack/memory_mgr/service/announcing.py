"""How the memory manager words its events and audit entries."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from orchstack.kernel.events import Announcement, AuditEntry, event_of
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal
from orchstack.memory_mgr.model import Session, SessionDeleted

_SERVICE = "memory_mgr"


def changed(
    principal: Principal, action: str, session_id: UUID, facts: JsonObject, at: datetime
) -> Announcement:
    """Word a change that only the audit log is told."""
    return Announcement(audit=(_entry(principal, action, session_id, facts, at),))


def deleted(principal: Principal, session: Session, at: datetime) -> Announcement:
    """Word a deletion."""
    data = SessionDeleted(
        session_id=session.id,
        agent=session.agent,
        message_count=session.message_count,
        deleted_by=_actor(principal),
    )
    event = event_of(
        _SERVICE, data, tenant_id=principal.tenant_id, subject=_subject(session.id), at=at
    )
    entry = _entry(principal, "session.delete", session.id, event.data, at)
    return Announcement(events=(event,), audit=(entry,))


def _entry(
    principal: Principal, action: str, session_id: UUID, facts: JsonObject, at: datetime
) -> AuditEntry:
    return AuditEntry(
        id=new_id(),
        tenant_id=principal.tenant_id,
        at=at,
        actor=_actor(principal),
        action=action,
        subject=_subject(session_id),
        outcome="succeeded",
        facts=facts,
    )


def _actor(principal: Principal) -> str:
    return f"key:{principal.key_id}"


def _subject(session_id: UUID) -> str:
    return f"sessions/{session_id}"
