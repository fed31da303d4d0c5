"""The event bus's world in memory, with the behaviour of the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from orchstack.event_bus.model import (
    MAX_BATCH_ENTRIES,
    OutboxEntry,
    Refusal,
    Selection,
    Settlement,
    Socket,
)
from orchstack.event_bus.ports import HandOver
from orchstack.kernel.events import AuditEntry, Event

T = TypeVar("T")


class InMemoryPublisher:
    """A bus that keeps what it is given; `refusals` names the event ids it does not take.

    `batches` are the sizes of the calls.
    """

    def __init__(self) -> None:
        """Start empty, taking everything."""
        self.published: list[OutboxEntry] = []
        self.refusals: dict[UUID, Refusal] = {}
        self.batches: list[int] = []

    def publish(self, entries: Sequence[OutboxEntry]) -> dict[UUID, Refusal]:
        """Keep the entries that are not refused."""
        self.batches.append(len(entries))
        refused = {
            e.event_id: self.refusals[e.event_id] for e in entries if e.event_id in self.refusals
        }
        self.published += [e for e in entries if e.event_id not in refused]
        return refused

    def __len__(self) -> int:
        """How many events were published, repeats included."""
        return len(self.published)


class InMemoryNudge:
    """A nudge that counts."""

    def __init__(self) -> None:
        """Start without any."""
        self.pending = False
        self.sent = 0

    def nudge(self) -> None:
        """Count one, unless one is pending."""
        self.sent += not self.pending
        self.pending = True

    def clear(self) -> None:
        """Nothing is pending any more."""
        self.pending = False


class InMemoryOutbox:
    """An outbox, and the listing of what left it."""

    def __init__(self) -> None:
        """Start empty."""
        self.waiting: list[OutboxEntry] = []
        self.parked: list[OutboxEntry] = []
        self._published: list[Event] = []
        self._audit: list[AuditEntry] = []

    def write(self, *events: Event, audit: Sequence[AuditEntry] = ()) -> None:
        """Add what a change announces."""
        self.waiting += [
            OutboxEntry(
                event_id=e.id,
                tenant_id=e.tenantid,
                source=e.source,
                type=e.type,
                detail=e.model_dump_json(),
            )
            for e in events
        ]
        self._audit += audit

    def next_batch(self, hand_over: HandOver, *, passing: frozenset[UUID]) -> Settlement | None:
        """Hand over the oldest entries and move those that were published."""
        claimed = self._in_turn(passing)[:MAX_BATCH_ENTRIES]
        if not claimed:
            return None
        settled = hand_over(claimed)
        self.parked += [entry for entry, _ in settled.parked]
        gone = {e.event_id for e in (*settled.published, *self.parked)}
        self.waiting = [e for e in self.waiting if e.event_id not in gone]
        self._published += [Event.model_validate_json(e.detail) for e in settled.published]
        return settled

    def _in_turn(self, passing: frozenset[UUID]) -> list[OutboxEntry]:
        """Every tenant's first entry, then every tenant's second, and so on."""
        turns: Counter[UUID] = Counter()
        placed: list[tuple[int, OutboxEntry]] = []
        for entry in self.waiting:
            if entry.tenant_id not in passing:
                turns[entry.tenant_id] += 1
                placed.append((turns[entry.tenant_id], entry))
        return [entry for _, entry in sorted(placed, key=lambda pair: pair[0])]

    def events(self, tenant_id: UUID, selection: Selection) -> list[tuple[int, Event]]:
        """Give published events."""
        found = [
            (position, event)
            for position, event in enumerate(self._published, 1)
            if event.tenantid == tenant_id
            and selection.kind in (None, event.type)
            and selection.subject in (None, event.subject)
        ]
        return _cut(found, selection)

    def audit(self, tenant_id: UUID, selection: Selection) -> list[tuple[int, AuditEntry]]:
        """Give audit entries."""
        found = [
            (position, entry)
            for position, entry in enumerate(self._audit, 1)
            if entry.tenant_id == tenant_id
            and selection.kind in (None, entry.action)
            and selection.subject in (None, entry.subject)
        ]
        return _cut(found, selection)


def _cut(found: list[tuple[int, T]], selection: Selection) -> list[tuple[int, T]]:
    after = selection.after
    if selection.order == "asc":
        beyond = [pair for pair in found if after is None or pair[0] > after]
    else:
        beyond = [pair for pair in reversed(found) if after is None or pair[0] < after]
    return beyond[: selection.limit]


class InMemorySockets:
    """Connections in a dictionary."""

    def __init__(self) -> None:
        """Start without any."""
        self._sockets: dict[str, Socket] = {}

    def add(self, socket: Socket) -> None:
        """Remember a connection."""
        self._sockets.setdefault(socket.connection_id, socket)

    def drop(self, tenant_id: UUID, connection_id: str) -> None:
        """Forget one of the tenant's connections."""
        if connection_id in self._sockets and self._sockets[connection_id].tenant_id == tenant_id:
            self.remove(connection_id)

    def remove(self, connection_id: str) -> None:
        """Forget a connection."""
        self._sockets.pop(connection_id, None)

    def subscribe(self, connection_id: str, types: frozenset[str]) -> bool:
        """Set which types a connection hears."""
        if connection_id not in self._sockets:
            return False
        self._sockets[connection_id] = replace(self._sockets[connection_id], types=types)
        return True

    def of_tenant(self, tenant_id: UUID) -> list[Socket]:
        """Give the tenant's connections."""
        return [s for s in self._sockets.values() if s.tenant_id == tenant_id]


class InMemorySocketSender:
    """Clients that keep what they are sent; those in `gone` have left."""

    def __init__(self) -> None:
        """Start with everybody there."""
        self.sent: list[tuple[str, str]] = []
        self.gone: set[str] = set()

    def send(self, connection_id: str, text: str) -> bool:
        """Keep the message, unless the client has gone."""
        if connection_id in self.gone:
            return False
        self.sent.append((connection_id, text))
        return True

    def close(self, connection_id: str) -> None:
        """Let the client go."""
        self.gone.add(connection_id)
