"""Outbox entries on their way out, what became of them, and the sockets that listen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from orchstack.kernel.frozen import Frozen

# PutEvents takes at most ten entries and 256 KiB a call.
MAX_BATCH_ENTRIES = 10
MAX_BATCH_BYTES = 256 * 1024
# API Gateway closes a socket that is sent more than this (128 KB).
MAX_MESSAGE_BYTES = 128 * 1000
# What the control plane announces when a key is revoked, with its `key_id` as data.
KEY_REVOKED = "control_plane.KeyRevoked.v1"


@dataclass(frozen=True, kw_only=True)
class OutboxEntry:
    """An event that waits in the outbox; `detail` is the CloudEvent as JSON."""

    event_id: UUID
    tenant_id: UUID
    source: str
    type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes that count against the limit of PutEvents."""
        return len(self.source) + len(self.type) + len(self.detail.encode())


@dataclass(frozen=True)
class Refusal:
    """Why the bus did not take an entry; `final` means that sending it again cannot help."""

    code: str
    final: bool


@dataclass(frozen=True)
class Settlement:
    """What became of one batch: the entries the bus took, and those it refused."""

    published: tuple[OutboxEntry, ...] = ()
    refused: tuple[tuple[OutboxEntry, Refusal], ...] = ()

    @property
    def parked(self) -> tuple[tuple[OutboxEntry, Refusal], ...]:
        """The entries that can never be published as they are."""
        return tuple(pair for pair in self.refused if pair[1].final)

    @property
    def held_back(self) -> frozenset[UUID]:
        """The tenants whose next entry has to wait for a refused one to be tried again."""
        return frozenset(entry.tenant_id for entry, refusal in self.refused if not refusal.final)


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What one call of the relay did; `deferred` entries are tried again, `parked` ones not."""

    published: int = 0
    deferred: int = 0
    parked: int = 0
    finished: bool = True

    def plus(self, settled: Settlement) -> Drained:
        """Count one more batch."""
        parked = len(settled.parked)
        return replace(
            self,
            published=self.published + len(settled.published),
            deferred=self.deferred + len(settled.refused) - parked,
            parked=self.parked + parked,
        )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which part of a listing: at most `limit` entries beyond the position `after`.

    `kind` is an event's type or an audit entry's action; None leaves the filter out.
    """

    limit: int
    after: int | None = None
    order: Literal["asc", "desc"] = "desc"
    kind: str | None = None
    subject: str | None = None


@dataclass(frozen=True, kw_only=True)
class Socket:
    """An open WebSocket connection; an empty `types` means every event of the tenant.

    `key_id` opened it and `expires_at` is that key's end: a socket never outlives its key.
    """

    tenant_id: UUID
    connection_id: str
    key_id: UUID
    connected_at: datetime
    expires_at: datetime | None = None
    types: frozenset[str] = frozenset()

    def hears(self, type_: str) -> bool:
        """Whether the client wants events of this type."""
        return not self.types or type_ in self.types


EventType = Annotated[str, Field(pattern=r"^[a-z_]+\.[A-Z][A-Za-z]+\.v[0-9]+$", max_length=128)]


class Command(Frozen):
    """A message from a WebSocket client: `ping`, or `subscribe` to some event types (none: all)."""

    action: Literal["ping", "subscribe"]
    types: Annotated[tuple[EventType, ...], Field(max_length=50)] = ()
