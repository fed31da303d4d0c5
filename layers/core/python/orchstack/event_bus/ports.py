"""What the event bus needs from the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from orchstack.event_bus.model import OutboxEntry, Refusal, Selection, Settlement, Socket
from orchstack.kernel.events import AuditEntry, Event

HandOver = Callable[[Sequence[OutboxEntry]], Settlement]


class Outbox(Protocol):
    """The announced events that are not yet published."""

    def next_batch(self, hand_over: HandOver, *, passing: frozenset[UUID]) -> Settlement | None:
        """Claim the oldest entries, hand them over and mark what was published, in one transaction.

        Entries of one tenant go out in the order in which they were written, and only one relay at
        a time has them; a long queue of one tenant does not hold up the others. Tenants in
        `passing` are left alone. None: nothing waits. Raises Unavailable.
        """


class EventPublisher(Protocol):
    """The bus that events are published on."""

    def publish(self, entries: Sequence[OutboxEntry]) -> dict[UUID, Refusal]:
        """Publish one batch; gives the refusals by event id. Raises Unavailable."""


class Nudge(Protocol):
    """Wakes the relay shortly after a commit; a lost nudge costs a minute, never an event."""

    def nudge(self) -> None:
        """Ask for the relay, unless somebody did within five seconds. Never raises."""

    def clear(self) -> None:
        """Take the ask back: whoever commits from now on nudges anew. Never raises."""


class Announcements(Protocol):
    """Published events and audit entries of a tenant, each at a position that only grows."""

    def events(self, tenant_id: UUID, selection: Selection) -> list[tuple[int, Event]]:
        """Give published events with their positions, in publishing order or its reverse."""

    def audit(self, tenant_id: UUID, selection: Selection) -> list[tuple[int, AuditEntry]]:
        """Give audit entries with their positions, in writing order or its reverse."""


class Sockets(Protocol):
    """The open WebSocket connections of a tenant."""

    def add(self, socket: Socket) -> None:
        """Remember a connection; a second time changes nothing."""

    def of_tenant(self, tenant_id: UUID) -> list[Socket]:
        """Give the tenant's connections."""

    def drop(self, tenant_id: UUID, connection_id: str) -> None:
        """Forget one of the tenant's connections."""


class Connections(Protocol):
    """Connections of which API Gateway has told only the id, not whose they are."""

    def remove(self, connection_id: str) -> None:
        """Forget a connection, if it is known."""

    def subscribe(self, connection_id: str, types: frozenset[str]) -> bool:
        """Set which types a connection hears; False if it is not known."""


class SocketSender(Protocol):
    """The way to the client at the other end of a connection."""

    def send(self, connection_id: str, text: str) -> bool:
        """Send a message; False if the client has gone. Raises Unavailable."""

    def close(self, connection_id: str) -> None:
        """End the connection, if it is still there. Raises Unavailable."""
