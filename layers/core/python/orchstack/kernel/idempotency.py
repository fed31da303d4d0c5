"""Idempotency-Key: the same key with the same body replays the stored answer, for 24 hours.

The answer is stored in the transaction of the change itself, so that there is never one without the
other. Another body is refused (422), and so is a second request while the first still runs (409).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from orchstack.kernel.errors import IdempotencyKeyReused, RequestInFlight

KEPT_FOR = timedelta(hours=24)
REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What a key stands for: one operation of one tenant."""

    tenant_id: UUID
    operation: str
    key: str


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer as it is kept; it never holds a secret that is shown once."""

    fingerprint: str
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)

    def replay(self, fingerprint: str) -> StoredAnswer:
        """Give the answer to the same request; raises IdempotencyKeyReused to another one."""
        if self.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        return self


@dataclass
class Claim:
    """A slot that is ours: the answer stored earlier, or a place for the one we are making."""

    stored: StoredAnswer | None
    answer: StoredAnswer | None = None


class Answers(Protocol):
    """Keeps answers for `KEPT_FOR`."""

    def claim(self, slot: Slot, now: datetime) -> AbstractContextManager[Claim]:
        """Hold a slot for the length of a transaction, which the block's own work joins.

        At the end of a good block `answer` is stored with that work; of a failed one nothing is.
        Raises RequestInFlight while somebody else holds the slot.
        """


class InMemoryAnswers:
    """Keeps answers in this process, for tests; what the block does has no part in it."""

    def __init__(self) -> None:
        """Start empty."""
        self._answers: dict[Slot, tuple[datetime, StoredAnswer]] = {}
        self._held: set[Slot] = set()
        self._guard = threading.Lock()

    def __len__(self) -> int:
        """The number of answers kept, expired ones included."""
        return len(self._answers)

    @contextmanager
    def claim(self, slot: Slot, now: datetime) -> Iterator[Claim]:
        """Hold a slot; see Answers."""
        with self._guard:
            if slot in self._held:
                raise RequestInFlight(retry_after_s=1)
            self._held.add(slot)
        try:
            expires_at, stored = self._answers.get(slot, (now, None))
            claim = Claim(stored=stored if expires_at > now else None)
            yield claim
            if claim.answer is not None:
                self._answers[slot] = (now + KEPT_FOR, claim.answer)
        finally:
            self._held.discard(slot)
