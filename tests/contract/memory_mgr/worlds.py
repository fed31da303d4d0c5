"""The stores of sessions, once in memory and once for real, to hold them to one contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from orchstack.kernel.chat import Message, Role
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.adapters.in_memory import InMemorySessionMessages, InMemorySessions
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages, PostgresSessions
from orchstack.memory_mgr.model import NewSession, Said
from orchstack.memory_mgr.ports import SessionMessages, Sessions

AT = datetime(2026, 1, 1, tzinfo=UTC)
TENANT, OTHER = new_id(), new_id()


@dataclass(frozen=True)
class World:
    """Both stores over the same state; `announced` counts events and audit entries together."""

    sessions: Sessions
    messages: SessionMessages
    announced: Callable[[], int]

    def begin(self, tenant_id: UUID = TENANT, *, agent: str = "adder", at: datetime = AT) -> UUID:
        """Make a session; gives its id."""
        wanted = NewSession(id=new_id(), agent=agent, title="", metadata={"a": "b"}, at=at)
        with self.sessions.transaction(tenant_id):
            if not self.sessions.create(tenant_id, wanted):
                raise AssertionError("a new id is taken")
        return wanted.id

    def say(self, session_id: UUID, *words: str, tenant_id: UUID = TENANT) -> None:
        """Add what a user said."""
        if self.messages.append(tenant_id, session_id, said(*words)) is None:
            raise AssertionError("there is no such session")

    def heard(self, session_id: UUID, limit: int = 100, tenant_id: UUID = TENANT) -> list[str]:
        """Give the newest words, oldest first."""
        found = self.messages.newest(tenant_id, session_id, limit)
        return [m.content for m in (found.messages if found and found.messages else ())]


def said(*words: str) -> Said:
    """Messages of a user, each of as many tokens as it has characters."""
    messages = tuple(Message(role=Role.USER, content=word) for word in words)
    tokens = tuple(len(word) for word in words)
    return Said(run_id=new_id(), messages=messages, tokens=tokens, title=words[0][:80])


def in_memory() -> World:
    """Make a world in memory."""
    sessions = InMemorySessions(SystemClock())

    def announced() -> int:
        return sum(len(a.events) + len(a.audit) for a in sessions.announced)

    return World(sessions, InMemorySessionMessages(sessions), announced)


def in_postgres(database: Database, admin_dsn: str) -> World:
    """Make a world in a fresh database; which runs speak is the journal's business."""
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("alter table app.session_messages disable trigger all")

    def announced() -> int:
        counted = "select (select count(*) from app.outbox) + count(*) as n from app.audit_entries"
        with psycopg.connect(admin_dsn) as connection:
            row = connection.execute(counted).fetchone()
        return int(row[0]) if row else 0

    return World(PostgresSessions(database), PostgresSessionMessages(database), announced)
