"""Session memory: what was said in a conversation, whole turns only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from uuid import UUID

from orchstack.kernel.chat import Message, Role
from orchstack.kernel.errors import Gone, NotFound
from orchstack.kernel.observability import logger
from orchstack.kernel.tokens import estimate_tokens
from orchstack.memory_mgr.model import HotMessages, Recalled, Said
from orchstack.memory_mgr.ports import CountTokens, SessionMessages
from orchstack.memory_mgr.service.hot import HotHistory
from orchstack.memory_mgr.service.titles import title_of

DELETED = "The session was deleted with what was said in it; begin another one."


@dataclass(frozen=True)
class SessionMemory:
    """Recalls and remembers the messages of sessions; all of it joins the open transaction."""

    messages: SessionMessages
    hot: HotHistory | None = None
    count: CountTokens = estimate_tokens

    def recall(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give at most the last `limit` messages, oldest first, from the start of a turn on.

        A turn starts with the user's words: a model refuses tool results whose call was cut off.
        None for a session nobody knows; raises Gone for a deleted one. Until the end of the open
        transaction nobody deletes the session.
        """
        wanted = max(limit, 0)
        held = self._held(tenant_id, session_id, wanted)
        known = None if held is None else held.version
        found = self.messages.newest(tenant_id, session_id, wanted, known=known)
        if found is None:
            return ()
        if found.deleted:
            raise Gone(DELETED)
        newest = found.messages
        if newest is None:
            newest = () if held is None else held.messages
        else:
            self._keep(tenant_id, session_id, found, newest)
        return tuple(dropwhile(lambda message: message.role is not Role.USER, newest))

    def remember(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add what was said in a run; joins the caller's transaction.

        Nothing is kept of what is said in a session that was deleted meanwhile. Raises NotFound if
        there never was one.
        """
        if not messages:
            return
        said = self._said(run_id, messages)
        added = self.messages.append(tenant_id, session_id, said)
        if added is None:
            self._missed(tenant_id, session_id)
        elif self.hot is not None:
            newest = HotMessages(
                version=added.version,
                message_count=added.message_count,
                messages=tuple(_placed(said.messages, added.message_count)),
            )
            self.hot.extend(tenant_id, session_id, added.before, newest)

    def _held(self, tenant_id: UUID, session_id: UUID, limit: int) -> HotMessages | None:
        if self.hot is None or limit == 0:
            return None
        return self.hot.read(tenant_id, session_id, limit)

    def _keep(
        self, tenant_id: UUID, session_id: UUID, found: Recalled, newest: tuple[Message, ...]
    ) -> None:
        if self.hot is not None and newest:
            kept = HotMessages(
                version=found.version, message_count=found.message_count, messages=newest
            )
            self.hot.fill(tenant_id, session_id, kept)

    def _said(self, run_id: UUID, messages: Sequence[Message]) -> Said:
        storable = tuple(map(_storable, messages))
        first = next((m.content for m in storable if m.role is Role.USER), "")
        return Said(
            run_id=run_id,
            messages=storable,
            tokens=tuple(self.count(message.content) for message in storable),
            title=title_of(first),
        )

    def _missed(self, tenant_id: UUID, session_id: UUID) -> None:
        if self.messages.newest(tenant_id, session_id, 0) is None:
            raise NotFound("There is no such session; start one with the next run.")
        logger.info("said in a deleted session, not kept", extra={"session_id": str(session_id)})


def _placed(messages: Sequence[Message], count: int) -> Iterator[Message]:
    """Give the last messages of a session, as they are recalled, the places they have in it."""
    for seq, message in enumerate(messages, count - len(messages) + 1):
        yield message.model_copy(update={"seq": seq})


def _storable(message: Message) -> Message:
    """Replace what PostgreSQL cannot hold, so that a copy held elsewhere reads the same.

    The bytes of a picture stay where they are kept under its name.
    """
    content = message.content.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    images = tuple(image.model_copy(update={"data": ""}) for image in message.images)
    return message.model_copy(update={"content": content, "images": images})
