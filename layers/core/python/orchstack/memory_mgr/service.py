"""Session memory: what was said in a conversation, whole turns only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile
from uuid import UUID

from orchstack.kernel.chat import Message, Role
from orchstack.memory_mgr.ports import SessionMessages


@dataclass(frozen=True)
class SessionMemory:
    """Recalls and remembers the messages of sessions."""

    messages: SessionMessages

    def recall(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give at most the last `limit` messages, oldest first, from the start of a turn on.

        A turn starts with the user's words: a model refuses tool results whose call was cut off.
        """
        if limit <= 0:
            return ()
        newest = self.messages.newest(tenant_id, session_id, limit)
        return tuple(dropwhile(lambda message: message.role is not Role.USER, newest))

    def remember(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add what was said in a run; joins the caller's transaction."""
        if messages:
            self.messages.append(tenant_id, session_id, run_id, messages)
