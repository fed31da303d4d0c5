"""Sessions: begun, listed, shown, renamed, and deleted with all that was said in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import Conflict, Gone, NotFound, SessionBusy
from orchstack.kernel.ids import new_id
from orchstack.kernel.pagination import (
    Page,
    PageQuery,
    encode_cursor,
    number_up_to,
    paginate,
    position_of,
)
from orchstack.kernel.tenancy import Principal
from orchstack.memory_mgr.model import (
    DeletedSession,
    KeptSession,
    MessageFilter,
    Metadata,
    NewSession,
    Order,
    Session,
    SessionDetail,
    SessionFilter,
    SessionMessage,
)
from orchstack.memory_mgr.ports import AgentNames, OnErase, SessionMessages, SessionRuns, Sessions
from orchstack.memory_mgr.service import announcing
from orchstack.memory_mgr.service.hot import HotHistory
from orchstack.memory_mgr.service.memory import DELETED

# Text on one page of messages: all of it escaped still fits into an answer of Lambda, 6 MB.
MAX_PAGE_BYTES: Final = 800_000
_SESSIONS: Final = "sessions"
_MOST_MESSAGES: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SessionDirectory:
    """The sessions of a tenant."""

    sessions: Sessions
    messages: SessionMessages
    hot: HotHistory
    runs: SessionRuns
    agents: AgentNames
    on_erase: OnErase
    clock: Clock

    def create(
        self,
        principal: Principal,
        *,
        agent: str,
        title: str | None,
        metadata: Metadata,
        session_id: UUID | None,
    ) -> Session:
        """Begin a session before anything is said.

        Raises NotFound for an unknown agent, Conflict if the id is taken, Gone if it was deleted.
        """
        tenant_id, now = principal.tenant_id, self.clock.now()
        wanted = NewSession(
            id=session_id or new_id(), agent=agent, title=title or "", metadata=metadata, at=now
        )
        with self.sessions.transaction(tenant_id):
            self.agents.require(tenant_id, agent)
            if not self.sessions.create(tenant_id, wanted):
                self._found(tenant_id, wanted.id)
                raise Conflict("There is a session of this id already; leave the id out.")
            self.sessions.announce(
                tenant_id,
                announcing.changed(principal, "session.create", wanted.id, {"agent": agent}, now),
            )
            return self._found(tenant_id, wanted.id)

    def page(self, tenant_id: UUID, query: PageQuery, *, agent: str | None = None) -> Page[Session]:
        """List sessions, the last active first. Raises InvalidCursor."""
        after = position_of(query.cursor, _SESSIONS, _place)
        chosen = SessionFilter(limit=query.limit + 1, after=after, agent=agent)
        with self.sessions.transaction(tenant_id):
            found = self.sessions.page(tenant_id, chosen)
        return paginate(
            found,
            limit=query.limit,
            listing=_SESSIONS,
            position=lambda session: f"{session.last_active_at.isoformat()} {session.id}",
            item=lambda session: session,
        )

    def detail(self, tenant_id: UUID, session_id: UUID) -> SessionDetail:
        """Show a session and the runs under way in it. Raises NotFound, Gone."""
        with self.sessions.transaction(tenant_id):
            session = self._found(tenant_id, session_id)
            runs = self.runs.under_way(tenant_id, session_id)
        return SessionDetail(**dict(session), active_runs=runs)

    def rename(self, principal: Principal, session_id: UUID, title: str) -> Session:
        """Give a session another title. Raises NotFound, Gone."""
        tenant_id = principal.tenant_id
        with self.sessions.transaction(tenant_id):
            _alive(self.sessions.lock(tenant_id, session_id))
            self.sessions.rename(tenant_id, session_id, title)
            self.sessions.announce(
                tenant_id,
                announcing.changed(principal, "session.rename", session_id, {}, self.clock.now()),
            )
            return self._found(tenant_id, session_id)

    def delete(self, principal: Principal, session_id: UUID) -> DeletedSession:
        """Erase what was said in a session at once; doing it again changes nothing.

        Raises NotFound, and SessionBusy while a run of it is under way.
        """
        tenant_id, now = principal.tenant_id, self.clock.now()
        with self.sessions.transaction(tenant_id):
            kept = self.sessions.lock(tenant_id, session_id)
            if kept is None:
                raise NotFound
            if kept.deleted_at is not None:
                return DeletedSession(id=session_id, deleted_at=kept.deleted_at)
            self._refuse_while_busy(tenant_id, session_id)
            # With the lock held nobody fills the copy again before the record says it is gone.
            self.hot.drop(tenant_id, session_id)
            self.on_erase(principal, session_id)
            self.sessions.erase(tenant_id, session_id, now)
            self.sessions.announce(tenant_id, announcing.deleted(principal, kept.session, now))
            return DeletedSession(id=session_id, deleted_at=now)

    def messages_page(
        self, tenant_id: UUID, session_id: UUID, query: PageQuery, order: Order
    ) -> Page[SessionMessage]:
        """List what was said; a page of long messages ends early. Raises NotFound, Gone."""
        listing = f"messages of {session_id} {order}"
        after = position_of(query.cursor, listing, number_up_to(_MOST_MESSAGES))
        chosen = MessageFilter(
            limit=query.limit, max_bytes=MAX_PAGE_BYTES, after=after, order=order
        )
        with self.sessions.transaction(tenant_id):
            self._found(tenant_id, session_id)
            found, more = self.messages.page(tenant_id, session_id, chosen)
        cursor = encode_cursor(listing, str(found[-1].seq)) if more else None
        return Page(items=tuple(found), next_cursor=cursor, has_more=more)

    def _refuse_while_busy(self, tenant_id: UUID, session_id: UUID) -> None:
        runs = self.runs.under_way(tenant_id, session_id)
        if runs:
            raise SessionBusy.with_run(runs[0])

    def _found(self, tenant_id: UUID, session_id: UUID) -> Session:
        return _alive(self.sessions.find(tenant_id, session_id))


def _alive(kept: KeptSession | None) -> Session:
    if kept is None:
        raise NotFound
    if kept.deleted_at is not None:
        raise Gone(DELETED)
    return kept.session


def _place(position: str) -> tuple[datetime, UUID]:
    at, _, session_id = position.partition(" ")
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("no moment")
    return moment, UUID(session_id)
