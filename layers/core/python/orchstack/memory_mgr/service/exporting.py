"""A session as a document: JSON, a message a line, or Markdown to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.kernel.errors import Gone, NotFound
from orchstack.memory_mgr.model import ExportFormat, MessageFilter, Session, SessionMessage
from orchstack.memory_mgr.ports import SessionMessages, Sessions
from orchstack.memory_mgr.service.memory import DELETED

# Messages read at once, and the text among them.
_BATCH: Final = 100
_BATCH_BYTES: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class SessionExporter:
    """Writes sessions out, of any length: no more than a batch of messages is held at once."""

    sessions: Sessions
    messages: SessionMessages

    def export(self, tenant_id: UUID, session_id: UUID, form: ExportFormat) -> Iterator[str]:
        """Write what was said up to now, piece by piece. Raises NotFound, Gone."""
        kept = self.sessions.find(tenant_id, session_id)
        if kept is None:
            raise NotFound
        if kept.deleted_at is not None:
            raise Gone(DELETED)
        session = kept.session
        return _WRITERS[form](session, self._said(tenant_id, session))

    def _said(self, tenant_id: UUID, session: Session) -> Iterator[SessionMessage]:
        """Read the messages that the session's record counts.

        Raises Gone if they are erased meanwhile: a document that ends early must not look whole.
        """
        read = 0
        while read < session.message_count:
            chosen = MessageFilter(
                limit=_BATCH, max_bytes=_BATCH_BYTES, after=read, up_to=session.message_count
            )
            found, _ = self.messages.page(tenant_id, session.id, chosen)
            if not found:
                raise Gone(DELETED)
            yield from found
            read = found[-1].seq


def _json(session: Session, said: Iterator[SessionMessage]) -> Iterator[str]:
    yield f'{{"session":{session.model_dump_json()},"messages":['
    for message in said:
        yield ("," if message.seq > 1 else "") + message.model_dump_json()
    yield "]}\n"


def _lines(_session: Session, said: Iterator[SessionMessage]) -> Iterator[str]:
    for message in said:
        yield message.model_dump_json() + "\n"


def _markdown(session: Session, said: Iterator[SessionMessage]) -> Iterator[str]:
    yield (
        f"# {session.title or 'Session'}\n\n"
        f"Session {session.id} with {session.agent}, {session.message_count} messages.\n"
    )
    for message in said:
        spoken = message.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        yield f"\n## {message.role.capitalize()}, {spoken}\n\n{message.content}\n"
        for call in message.tool_calls:
            yield f"\n- calls `{call.name}`\n"


_WRITERS: Final = {
    ExportFormat.JSON: _json,
    ExportFormat.JSONL: _lines,
    ExportFormat.MARKDOWN: _markdown,
}
