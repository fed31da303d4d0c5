"""Sessions: conversations, and what was said in them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchstack.kernel.plain import JsonMapping
from orchstack.sdk.models import Model
from orchstack.sdk.session import Call, segment
from orchstack.sdk.session import Session as Connection

Order = Literal["asc", "desc"]
TextFormat = Literal["json", "jsonl", "markdown"]


@dataclass(frozen=True, kw_only=True)
class Session(Model):
    """A conversation: what it is about, and how much was said."""

    id: str
    agent: str
    title: str
    metadata: Mapping[str, str]
    message_count: int
    token_count: int
    created_at: datetime
    last_active_at: datetime


@dataclass(frozen=True, kw_only=True)
class SessionDetail(Session):
    """A session and the runs that are under way in it."""

    active_runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DeletedSession(Model):
    """What is left of a session: its id begins no other."""

    id: str
    deleted_at: datetime


@dataclass(frozen=True, kw_only=True)
class SessionMessage(Model):
    """One turn of a session; `seq` counts from 1 without gaps."""

    seq: int
    run_id: str
    role: str
    content: str
    images: tuple[JsonMapping, ...]
    tool_calls: tuple[JsonMapping, ...]
    tool_call_id: str | None
    token_count: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class SessionExport(Model):
    """A session with all that was said in it."""

    session: Session
    messages: tuple[SessionMessage, ...]


class Sessions:
    """`client.sessions`; a run that names a new session id begins it too."""

    def __init__(self, session: Connection) -> None:
        """Take the connection."""
        self._session = session

    def create(
        self,
        agent: str,
        *,
        title: str | None = None,
        metadata: Mapping[str, str] | None = None,
        session_id: str | None = None,
    ) -> Session:
        """Begin a session before anything is said. Raises NotFound for an unknown agent."""
        wanted = {"title": title, "metadata": metadata and dict(metadata), "id": session_id}
        body = {"agent": agent, **{name: value for name, value in wanted.items() if value}}
        return Session.of(
            self._session.call(Call(method="POST", path="/v1/sessions", body=body))[1]
        )

    def list(self, *, agent: str | None = None, limit: int | None = None) -> Iterator[Session]:
        """Give sessions, the last active first."""
        return map(Session.of, self._session.pages("/v1/sessions", {"agent": agent}, limit))

    def get(self, session_id: str) -> SessionDetail:
        """Show a session and the runs under way in it. Raises Gone if it was deleted."""
        call = Call(method="GET", path=_path(session_id))
        return SessionDetail.of(self._session.call(call)[1])

    def rename(self, session_id: str, title: str) -> Session:
        """Give a session another title."""
        call = Call(method="PATCH", path=_path(session_id), body={"title": title})
        return Session.of(self._session.call(call)[1])

    def delete(self, session_id: str) -> DeletedSession:
        """Delete a session with all that was said in it. Raises Conflict while it is busy."""
        call = Call(method="DELETE", path=_path(session_id))
        return DeletedSession.of(self._session.call(call)[1])

    def messages(
        self, session_id: str, *, order: Order = "asc", limit: int | None = None
    ) -> Iterator[SessionMessage]:
        """Give what was said, page after page, at most `limit` messages."""
        path = f"{_path(session_id)}/messages"
        return map(SessionMessage.of, self._session.pages(path, {"order": order}, limit))

    def export(self, session_id: str) -> SessionExport:
        """Give the whole session."""
        call = Call(method="GET", path=f"{_path(session_id)}/export")
        return SessionExport.of(self._session.call(call)[1])

    def write(self, session_id: str, form: TextFormat = "markdown") -> Iterator[str]:
        """Give the whole session as a text, piece by piece as it comes.

        Raises ConnectionFailed if it is cut: what came before is no whole document.
        """
        query = {"format": form}
        call = Call(method="GET", path=f"{_path(session_id)}/export", query=query, accept="*/*")
        return _decoded(self._session.try_again(lambda: self._session.open(call)).chunks)


def _path(session_id: str) -> str:
    return f"/v1/sessions/{segment(session_id)}"


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Read UTF-8 whose characters may lie across chunks."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
