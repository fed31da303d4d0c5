"""Sessions and their messages in PostgreSQL; row-level security keeps the tenants apart."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter

from orchstack.kernel.chat import Message
from orchstack.kernel.db import outbox
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database, Row, Transaction
from orchstack.kernel.events import Announcement
from orchstack.memory_mgr.model import (
    Added,
    KeptSession,
    MessageFilter,
    NewSession,
    Recalled,
    Said,
    Session,
    SessionFilter,
    SessionMessage,
)

_SQL: Final = load("orchstack.memory_mgr.adapters")
_MESSAGES: Final = TypeAdapter(tuple[Message, ...])
# JSON's way to write NUL; after an odd number of backslashes it is but text that looks like it.
_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class PostgresSessions:
    """The table `app.sessions`; every method joins the transaction that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application's role."""
        self._database = database

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[Transaction]:
        """Commit what is done inside at its end; undo it on an error."""
        return self._database.transaction(tenant_id)

    def create(self, tenant_id: UUID, session: NewSession) -> bool:
        """Keep a new session; False if the id is taken, also by a deleted one."""
        given = {
            "session_id": session.id,
            "agent": session.agent,
            "title": session.title,
            "metadata": json.dumps(session.metadata),
            "at": session.at,
        }
        with self.transaction(tenant_id) as tx:
            return tx.execute(_SQL["create"], given) == 1

    def find(self, tenant_id: UUID, session_id: UUID) -> KeptSession | None:
        """Give a session's record, if there is one."""
        with self.transaction(tenant_id) as tx:
            return _kept(tx.one(_SQL["find"], {"session_id": session_id}))

    def lock(self, tenant_id: UUID, session_id: UUID) -> KeptSession | None:
        """Give a session's record; until the commit nobody else begins a run or speaks in it."""
        with self.transaction(tenant_id) as tx:
            return _kept(tx.one(_SQL["lock"], {"session_id": session_id}))

    def page(self, tenant_id: UUID, chosen: SessionFilter) -> list[Session]:
        """Give sessions that were not deleted, the last active first."""
        after_at, after_id = chosen.after or (None, None)
        given = {
            "after_at": after_at,
            "after_id": after_id,
            "agent": chosen.agent,
            "limit": chosen.limit,
        }
        with self.transaction(tenant_id) as tx:
            return [_session(row) for row in tx.all(_SQL["page"], given)]

    def rename(self, tenant_id: UUID, session_id: UUID, title: str) -> None:
        """Give a session another title."""
        with self.transaction(tenant_id) as tx:
            tx.execute(_SQL["rename"], {"session_id": session_id, "title": title})

    def erase(self, tenant_id: UUID, session_id: UUID, at: datetime) -> None:
        """Delete the messages, the title and the metadata of a session; keep its id."""
        with self.transaction(tenant_id) as tx:
            tx.execute(_SQL["erase_messages"], {"session_id": session_id})
            tx.execute(_SQL["erase_session"], {"session_id": session_id, "at": at})

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Write the events and audit entries that a change owes, with the change."""
        with self.transaction(tenant_id) as tx:
            outbox.write(tx, announcement)


class PostgresSessionMessages:
    """The table `app.session_messages`; every method joins the transaction that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application's role."""
        self._database = database

    def newest(
        self, tenant_id: UUID, session_id: UUID, limit: int, *, known: UUID | None = None
    ) -> Recalled | None:
        """Give the state of a session and its last `limit` messages, unless it is `known`."""
        given = {"session_id": session_id, "limit": limit, "known": known}
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["newest"], given)
        if row is None:
            return None
        messages = row.pop("messages")
        read = None if messages is None else _MESSAGES.validate_json(messages)
        return Recalled(**row, messages=read)

    def append(self, tenant_id: UUID, session_id: UUID, said: Said) -> Added | None:
        """Add messages after all others of the session; None if there is no such session."""
        given = {
            "session_id": session_id,
            "run_id": said.run_id,
            "count": len(said.messages),
            "tokens": sum(said.tokens),
            "title": said.title,
            "messages": _as_json(said),
        }
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["append"], given)
        return None if row is None else Added(**row)

    def page(
        self, tenant_id: UUID, session_id: UUID, chosen: MessageFilter
    ) -> tuple[list[SessionMessage], bool]:
        """Give messages in the order asked for, and whether there are more."""
        given = {
            "session_id": session_id,
            "after": chosen.after,
            "up_to": chosen.up_to,
            "descending": chosen.order == "desc",
            "limit": chosen.limit + 1,
            "max_bytes": chosen.max_bytes,
        }
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["messages"], given)
        whole = [row for row in rows[: chosen.limit] if row["content"] is not None]
        return [SessionMessage.model_validate(row) for row in whole], len(rows) > len(whole)


class PostgresSessionRuns:
    """The runs of sessions, as the agent runtime's table has them."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application's role."""
        self._database = database

    def under_way(self, tenant_id: UUID, session_id: UUID) -> tuple[UUID, ...]:
        """Give the runs of a session that have not ended, oldest first."""
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["under_way"], {"session_id": session_id})
        return tuple(row["run_id"] for row in rows)


def _kept(row: Row | None) -> KeptSession | None:
    if row is None:
        return None
    return KeptSession(session=_session(row), deleted_at=row["deleted_at"])


def _session(row: Row) -> Session:
    return Session(
        id=row["session_id"],
        agent=row["agent"],
        title=row["title"],
        metadata=row["metadata"],
        message_count=row["message_count"],
        token_count=row["token_count"],
        created_at=row["created_at"],
        last_active_at=row["updated_at"],
    )


def _as_json(said: Said) -> str:
    """Write messages as JSON that PostgreSQL can hold: without NUL and without half characters."""
    dumped = [
        {**message.model_dump(mode="json", exclude={"seq"}), "token_count": tokens}
        for message, tokens in zip(said.messages, said.tokens, strict=True)
    ]
    text = json.dumps(dumped, ensure_ascii=False)
    return _NUL.sub(r"\1\\ufffd", text).encode("utf-8", "replace").decode("utf-8")
