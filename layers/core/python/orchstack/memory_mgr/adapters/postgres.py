"""Session messages in PostgreSQL; row-level security keeps the tenants apart."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from orchstack.kernel.chat import Message
from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import NotFound

_SQL: Final = load("orchstack.memory_mgr.adapters")
# JSON's way to write NUL; after an odd number of backslashes it is but text that looks like it.
_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class PostgresSessionMessages:
    """The table `app.session_messages`."""

    def __init__(self, database: Database) -> None:
        """Take the database, as the application's role."""
        self._database = database

    def newest(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give the last `limit` messages of a session, oldest first; none if it is unknown."""
        with self._database.transaction(tenant_id) as tx:
            rows = tx.all(_SQL["newest"], {"session_id": session_id, "limit": limit})
        return tuple(Message.model_validate(row) for row in reversed(rows))

    def append(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add messages after all others of the session. Raises NotFound if there is no session."""
        count = len(messages)
        with self._database.transaction(tenant_id) as tx:
            row = tx.one(_SQL["reserve"], {"session_id": session_id, "count": count})
            if row is None:
                raise NotFound("There is no such session; start one with the next run.")
            tx.execute(
                _SQL["append"],
                {
                    "session_id": session_id,
                    "run_id": run_id,
                    "first": row["message_count"] - count + 1,
                    "messages": _as_json(messages),
                },
            )


def _as_json(messages: Sequence[Message]) -> str:
    """Write messages as JSON that PostgreSQL can hold: without NUL and without half characters."""
    dumped = [message.model_dump(mode="json") for message in messages]
    text = json.dumps(dumped, ensure_ascii=False)
    return _NUL.sub(r"\1\\ufffd", text).encode("utf-8", "replace").decode("utf-8")
