"""What the memory manager needs from the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from orchstack.kernel.chat import Message


class SessionMessages(Protocol):
    """The messages of conversations, in the order in which they were said."""

    def newest(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give the last `limit` messages of a session, oldest first; none if it is unknown."""

    def append(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add messages after all others of the session; joins the caller's transaction."""
