"""What the memory manager needs from the world."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from orchstack.kernel.events import Announcement
from orchstack.kernel.tenancy import Principal
from orchstack.memory_mgr.model import (
    Added,
    HotMessages,
    KeptSession,
    MessageFilter,
    NewSession,
    Recalled,
    Said,
    Session,
    SessionFilter,
    SessionMessage,
)

# Counts the tokens of a text.
CountTokens = Callable[[str], int]
# Erases what else there is of a session, in the transaction of its deletion.
OnErase = Callable[[Principal, UUID], None]


class Sessions(Protocol):
    """The records of conversations."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Commit what is done inside at its end; undo it on an error."""

    def create(self, tenant_id: UUID, session: NewSession) -> bool:
        """Keep a new session; False if the id is taken, also by a deleted one."""

    def find(self, tenant_id: UUID, session_id: UUID) -> KeptSession | None:
        """Give a session's record, if there is one."""

    def lock(self, tenant_id: UUID, session_id: UUID) -> KeptSession | None:
        """Give a session's record; until the commit nobody else begins a run or speaks in it."""

    def page(self, tenant_id: UUID, chosen: SessionFilter) -> list[Session]:
        """Give sessions that were not deleted, the last active first."""

    def rename(self, tenant_id: UUID, session_id: UUID, title: str) -> None:
        """Give a session another title."""

    def erase(self, tenant_id: UUID, session_id: UUID, at: datetime) -> None:
        """Delete the messages, the title and the metadata of a session; keep its id."""

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Write the events and audit entries that a change owes, with the change."""


class SessionMessages(Protocol):
    """The messages of conversations, in the order in which they were said."""

    def newest(
        self, tenant_id: UUID, session_id: UUID, limit: int, *, known: UUID | None = None
    ) -> Recalled | None:
        """Give the state of a session and its last `limit` messages, oldest first, in one look.

        The messages are left out if the state is the one `known`. None if nobody knows the session.
        Joins the transaction that is open: until its end nobody deletes the session.
        """

    def append(self, tenant_id: UUID, session_id: UUID, said: Said) -> Added | None:
        """Add messages after all others of the session; joins the caller's transaction.

        None if there is no such session, or none any more.
        """

    def page(
        self, tenant_id: UUID, session_id: UUID, chosen: MessageFilter
    ) -> tuple[list[SessionMessage], bool]:
        """Give messages in the order asked for, and whether there are more."""


class HotStore(Protocol):
    """Keeps the newest messages of busy sessions at hand; every method raises Unavailable.

    It never says whether what it holds is current: the session's record does, by the version.
    """

    def read(self, tenant_id: UUID, session_id: UUID, limit: int) -> HotMessages | None:
        """Give the last `limit` messages that are held, oldest first."""

    def fill(self, tenant_id: UUID, session_id: UUID, newest: HotMessages) -> None:
        """Hold these messages instead of others."""

    def extend(self, tenant_id: UUID, session_id: UUID, before: UUID, newest: HotMessages) -> None:
        """Add messages to those of the version `before`; without these nothing is held."""

    def drop(self, tenant_id: UUID, session_id: UUID) -> None:
        """Forget a session."""


class SessionRuns(Protocol):
    """The runs of sessions."""

    def under_way(self, tenant_id: UUID, session_id: UUID) -> tuple[UUID, ...]:
        """Give the runs of a session that have not ended, oldest first."""


class AgentNames(Protocol):
    """The agents there are."""

    def require(self, tenant_id: UUID, agent: str) -> None:
        """Raise NotFound if the tenant has no such agent."""
