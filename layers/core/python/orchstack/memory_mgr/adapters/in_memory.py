"""Sessions in this process, for tests and for trying things out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from orchstack.kernel.chat import Message
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import NotFound, Unavailable
from orchstack.kernel.events import Announcement
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

_Key = tuple[UUID, UUID]


@dataclass(frozen=True)
class Row:
    """A session with its messages."""

    kept: KeptSession
    messages: tuple[SessionMessage, ...] = ()
    version: UUID = field(default_factory=uuid4)

    def changed(self, **changes: object) -> Row:
        """Give the row with another record."""
        session = self.kept.session.model_copy(update=changes)
        return replace(self, kept=replace(self.kept, session=session))


class InMemorySessions:
    """Keeps records and messages until the process ends; one transaction at a time."""

    def __init__(self, clock: Clock) -> None:
        """Start empty; the clock dates what is said."""
        self.clock = clock
        self.rows: dict[_Key, Row] = {}
        self._lock = threading.RLock()
        self._depth = 0
        self.announced: tuple[Announcement, ...] = ()

    @contextmanager
    def transaction(self, tenant_id: UUID) -> Iterator[None]:
        """Keep what is done inside at its end; undo it on an error."""
        del tenant_id
        with self._lock:
            before = (dict(self.rows), self.announced) if self._depth == 0 else None
            self._depth += 1
            try:
                yield
            except BaseException:
                if before is not None:
                    self.rows, self.announced = before
                raise
            finally:
                self._depth -= 1

    def create(self, tenant_id: UUID, session: NewSession) -> bool:
        """Keep a new session; False if the id is taken, also by a deleted one."""
        where = (tenant_id, session.id)
        if where in self.rows:
            return False
        begun = Session(
            id=session.id,
            agent=session.agent,
            title=session.title,
            metadata=session.metadata,
            message_count=0,
            token_count=0,
            created_at=session.at,
            last_active_at=session.at,
        )
        self.rows[where] = Row(KeptSession(session=begun, deleted_at=None))
        return True

    def find(self, tenant_id: UUID, session_id: UUID) -> KeptSession | None:
        """Give a session's record, if there is one."""
        row = self.rows.get((tenant_id, session_id))
        return None if row is None else row.kept

    def lock(self, tenant_id: UUID, session_id: UUID) -> KeptSession | None:
        """Give a session's record; the transaction alone keeps others out."""
        return self.find(tenant_id, session_id)

    def page(self, tenant_id: UUID, chosen: SessionFilter) -> list[Session]:
        """Give sessions that were not deleted, the last active first."""
        found = [
            row.kept.session
            for (owner, _), row in self.rows.items()
            if owner == tenant_id and row.kept.deleted_at is None
        ]
        shown = [s for s in found if chosen.agent in (None, s.agent)]
        ordered = sorted(shown, key=_place, reverse=True)
        behind = [s for s in ordered if chosen.after is None or _place(s) < chosen.after]
        return behind[: chosen.limit]

    def rename(self, tenant_id: UUID, session_id: UUID, title: str) -> None:
        """Give a session another title."""
        where = (tenant_id, session_id)
        self.rows[where] = self.rows[where].changed(title=title)

    def erase(self, tenant_id: UUID, session_id: UUID, at: datetime) -> None:
        """Delete the messages, the title and the metadata of a session; keep its id."""
        where = (tenant_id, session_id)
        left = self.rows[where].changed(title="", metadata={}, message_count=0, token_count=0)
        self.rows[where] = Row(replace(left.kept, deleted_at=at))

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Keep the events and audit entries that a change owes."""
        del tenant_id
        self.announced += (announcement,)


@dataclass(frozen=True)
class InMemorySessionMessages:
    """The messages of sessions in memory."""

    sessions: InMemorySessions

    def newest(
        self, tenant_id: UUID, session_id: UUID, limit: int, *, known: UUID | None = None
    ) -> Recalled | None:
        """Give the state of a session and its last `limit` messages, unless it is `known`."""
        row = self.sessions.rows.get((tenant_id, session_id))
        if row is None:
            return None
        deleted = row.kept.deleted_at is not None
        last = row.messages[max(0, len(row.messages) - limit) :]
        told = None if deleted or row.version == known else tuple(map(_message, last))
        return Recalled(
            version=row.version, message_count=len(row.messages), deleted=deleted, messages=told
        )

    def append(self, tenant_id: UUID, session_id: UUID, said: Said) -> Added | None:
        """Add messages after all others of the session; None if there is no such session."""
        row, now = self.sessions.rows.get((tenant_id, session_id)), self.sessions.clock.now()
        if row is None or row.kept.deleted_at is not None:
            return None
        messages = (*row.messages, *_numbered(said, len(row.messages), now))
        session = row.kept.session
        grown = row.changed(
            title=session.title or said.title,
            message_count=len(messages),
            token_count=session.token_count + sum(said.tokens),
            last_active_at=now,
        )
        added = replace(grown, messages=messages, version=uuid4())
        self.sessions.rows[tenant_id, session_id] = added
        return Added(before=row.version, version=added.version, message_count=len(messages))

    def page(
        self, tenant_id: UUID, session_id: UUID, chosen: MessageFilter
    ) -> tuple[list[SessionMessage], bool]:
        """Give messages in the order asked for, and whether there are more."""
        row = self.sessions.rows.get((tenant_id, session_id))
        found = [m for m in (row.messages if row else ()) if _chosen(m, chosen)]
        ordered = found if chosen.order == "asc" else found[::-1]
        shown: list[SessionMessage] = []
        size = 0
        for message in ordered[: chosen.limit]:
            size += len(message.content.encode())
            if shown and size > chosen.max_bytes:
                break
            shown.append(message)
        return shown, len(shown) < len(found)


@dataclass
class InMemoryHotStore:
    """Holds messages in this process; raises Unavailable while it is `away`."""

    away: bool = False
    held: dict[_Key, HotMessages] = field(default_factory=dict)

    def read(self, tenant_id: UUID, session_id: UUID, limit: int) -> HotMessages | None:
        """Give the last `limit` messages that are held, oldest first."""
        self._answer()
        found = self.held.get((tenant_id, session_id))
        if found is None:
            return None
        return replace(found, messages=found.messages[max(0, len(found.messages) - limit) :])

    def fill(self, tenant_id: UUID, session_id: UUID, newest: HotMessages) -> None:
        """Hold these messages instead of others."""
        self._answer()
        self.held[tenant_id, session_id] = newest

    def extend(self, tenant_id: UUID, session_id: UUID, before: UUID, newest: HotMessages) -> None:
        """Add messages to those of the version `before`; without these nothing is held."""
        self._answer()
        found = self.held.get((tenant_id, session_id))
        if found is not None and found.version == before:
            messages = (*found.messages, *newest.messages)
            self.held[tenant_id, session_id] = replace(newest, messages=messages)

    def drop(self, tenant_id: UUID, session_id: UUID) -> None:
        """Forget a session."""
        self._answer()
        self.held.pop((tenant_id, session_id), None)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable


@dataclass
class InMemorySessionRuns:
    """The runs that somebody says are under way."""

    running: dict[_Key, tuple[UUID, ...]] = field(default_factory=dict)

    def under_way(self, tenant_id: UUID, session_id: UUID) -> tuple[UUID, ...]:
        """Give the runs of a session that have not ended, oldest first."""
        return self.running.get((tenant_id, session_id), ())


@dataclass(frozen=True)
class InMemoryAgentNames:
    """Some names of agents, the same for all tenants."""

    names: frozenset[str]

    def require(self, tenant_id: UUID, agent: str) -> None:
        """Raise NotFound if there is no such agent."""
        del tenant_id
        if agent not in self.names:
            raise NotFound


def _place(session: Session) -> tuple[datetime, UUID]:
    return session.last_active_at, session.id


def _numbered(said: Said, count: int, at: datetime) -> Iterator[SessionMessage]:
    turns = zip(said.messages, said.tokens, strict=True)
    for seq, (message, tokens) in enumerate(turns, count + 1):
        given = {**dict(message), "seq": seq}
        yield SessionMessage(run_id=said.run_id, token_count=tokens, created_at=at, **given)


def _message(kept: SessionMessage) -> Message:
    return Message(**{name: getattr(kept, name) for name in Message.model_fields})


def _chosen(message: SessionMessage, chosen: MessageFilter) -> bool:
    forward = chosen.order == "asc"
    after = chosen.after
    behind = after is None or (message.seq > after if forward else message.seq < after)
    return behind and (chosen.up_to is None or message.seq <= chosen.up_to)
