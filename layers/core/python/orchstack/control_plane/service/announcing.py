"""How the control plane words its events and audit entries."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel

from orchstack.control_plane.model.tenants import ApiKey, KeyCreated
from orchstack.kernel.clock import Clock
from orchstack.kernel.events import Announcement, AuditEntry, event_of
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal

_SERVICE = "control_plane"


def actor_of(principal: Principal) -> str:
    """Name the key that acts, as events and audit entries do."""
    return f"key:{principal.key_id}"


def key_created(key: ApiKey, actor: str) -> KeyCreated:
    """Word what is announced of a new key."""
    return KeyCreated(
        key_id=key.id,
        name=key.name,
        environment=key.environment,
        scopes=key.scopes,
        expires_at=key.expires_at,
        created_by=actor,
    )


class Announcer:
    """Makes the event and the audit entry of one change."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that dates them."""
        self._clock = clock

    def entry(
        self, tenant_id: UUID, actor: str, action: str, subject: str, facts: JsonObject
    ) -> AuditEntry:
        """Make the audit entry of a change that succeeded."""
        return AuditEntry(
            id=new_id(),
            tenant_id=tenant_id,
            at=self._clock.now(),
            actor=actor,
            action=action,
            subject=subject,
            outcome="succeeded",
            facts=facts,
        )

    def announcement(
        self, tenant_id: UUID, actor: str, action: str, subject: str, data: BaseModel
    ) -> Announcement:
        """Make an event and the audit entry that tells the same facts."""
        event = event_of(_SERVICE, data, tenant_id=tenant_id, subject=subject, at=self._clock.now())
        entry = self.entry(tenant_id, actor, action, subject, event.data)
        return Announcement(events=(event,), audit=(entry,))
