"""Session messages in this process, for tests and for trying things out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from orchstack.kernel.chat import Message


class InMemorySessionMessages:
    """Keeps messages until the process ends; every session exists."""

    def __init__(self) -> None:
        """Start empty."""
        self._kept: defaultdict[tuple[UUID, UUID], list[Message]] = defaultdict(list)

    def newest(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give the last `limit` messages of a session, oldest first; none if it is unknown."""
        return tuple(self._kept[tenant_id, session_id][-limit:])

    def append(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add messages after all others of the session, whatever the run."""
        del run_id
        self._kept[tenant_id, session_id].extend(messages)
