"""Sessions and what was said in them, as they are kept and as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.kernel.agents import NO_NUL, AgentName
from orchstack.kernel.chat import Image, Message, Role, ToolCall
from orchstack.kernel.frozen import Frozen

MAX_TITLE = 200
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE, pattern=NO_NUL)]
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
MetadataValue = Annotated[str, Field(max_length=500, pattern=NO_NUL)]
Metadata = Annotated[dict[MetadataName, MetadataValue], Field(max_length=16)]
Order = Literal["asc", "desc"]


class ExportFormat(StrEnum):
    """What a session is written as: one document, a message a line, or text to read."""

    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"


class Session(Frozen):
    """A conversation: what it is about, and how much was said."""

    id: UUID
    # Of the run that began it; others may speak in it too.
    agent: AgentName
    # From the first words, until somebody renames it; empty before anything was said.
    title: str
    metadata: Metadata
    message_count: int
    token_count: int
    created_at: AwareDatetime
    # When something was last said.
    last_active_at: AwareDatetime


class SessionDetail(Session):
    """A session, and the runs that are under way in it, oldest first."""

    active_runs: tuple[UUID, ...]


class DeletedSession(Frozen):
    """What is left of a session: its id begins no other."""

    id: UUID
    deleted_at: AwareDatetime


class SessionMessage(Frozen):
    """One turn of a session; `seq` counts from 1 without gaps."""

    seq: int
    run_id: UUID
    role: Role
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...]
    tool_call_id: str | None
    token_count: int
    created_at: AwareDatetime


class SessionExport(Frozen):
    """A session with all that was said in it."""

    session: Session
    messages: tuple[SessionMessage, ...]


class SessionDeleted(Frozen):
    """A session was deleted, with what was said in it."""

    session_id: UUID
    agent: AgentName
    message_count: int
    deleted_by: str


@dataclass(frozen=True, kw_only=True)
class KeptSession:
    """A session's record, which outlives the session."""

    session: Session
    deleted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """A session to begin before anything was said."""

    id: UUID
    agent: str
    title: str
    metadata: Metadata
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """Which sessions a listing shows: the last active first, those behind the place `after`."""

    limit: int
    after: tuple[datetime, UUID] | None = None
    agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessageFilter:
    """Which messages of a session: behind the number `after`, none above `up_to`.

    They end before `max_bytes` of text are passed, but for one message there always is.
    """

    limit: int
    max_bytes: int
    after: int | None = None
    up_to: int | None = None
    order: Order = "asc"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is added to a session: messages, the tokens of each, a title if it has none yet."""

    run_id: UUID
    messages: tuple[Message, ...]
    tokens: tuple[int, ...]
    title: str


@dataclass(frozen=True, kw_only=True)
class Added:
    """What an addition came to: `before` and `version` name the messages without and with it."""

    before: UUID
    version: UUID
    message_count: int


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """The state of a session, and its newest messages unless the caller has them already."""

    version: UUID
    message_count: int
    deleted: bool
    messages: tuple[Message, ...] | None


@dataclass(frozen=True, kw_only=True)
class HotMessages:
    """The newest messages of a session as a cache holds them; `version` says of which state."""

    version: UUID
    message_count: int
    messages: tuple[Message, ...]
