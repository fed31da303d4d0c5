"""An outbox that can be written to and what left it, over each adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchstack.event_bus.adapters.in_memory import InMemoryOutbox
from orchstack.event_bus.adapters.postgres import PostgresAnnouncements, PostgresOutbox
from orchstack.event_bus.ports import Announcements, Outbox
from orchstack.kernel.db.outbox import write
from orchstack.kernel.db.session import Database
from orchstack.kernel.events import Announcement, AuditEntry, Event


class World(Protocol):
    """An outbox that can be written to, and the listing of what left it."""

    @property
    def outbox(self) -> Outbox:
        """Where events wait."""

    @property
    def announcements(self) -> Announcements:
        """What left it."""

    def announce(self, *events: Event, audit: tuple[AuditEntry, ...] = ()) -> None:
        """Write events and audit entries of one tenant, as a change does."""


@dataclass(frozen=True)
class MemoryWorld:
    """All in memory."""

    outbox: InMemoryOutbox

    @property
    def announcements(self) -> Announcements:
        """The outbox itself."""
        return self.outbox

    def announce(self, *events: Event, audit: tuple[AuditEntry, ...] = ()) -> None:
        """Write to the outbox."""
        self.outbox.write(*events, audit=audit)


@dataclass(frozen=True)
class PostgresWorld:
    """The real tables, the relay as the platform role, all else as the application."""

    database: Database
    outbox: PostgresOutbox
    announcements: PostgresAnnouncements

    def announce(self, *events: Event, audit: tuple[AuditEntry, ...] = ()) -> None:
        """Write in a transaction of the tenant."""
        tenant_id = events[0].tenantid if events else audit[0].tenant_id
        with self.database.transaction(tenant_id) as tx:
            write(tx, Announcement(events=events, audit=audit))
