"""The operations of the memory manager in the public API."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from orchstack.kernel.agents import AgentName
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.http import Idempotency, NoBody, NoQuery, Operation
from orchstack.kernel.ids import UUID_TEXT
from orchstack.kernel.pagination import Page, PageQuery
from orchstack.kernel.tenancy import Scope
from orchstack.memory_mgr.model import (
    DeletedSession,
    ExportFormat,
    Metadata,
    Order,
    Session,
    SessionDetail,
    SessionExport,
    SessionMessage,
    Title,
)

_SESSION: Final = {"session_id": UUID_TEXT}


class SessionRequest(Frozen):
    """A session to begin before anything is said; a run that names a new id begins one as well."""

    agent: AgentName
    title: Annotated[
        Title | None, Field(description="Else the first words that are said become the title.")
    ] = None
    metadata: Annotated[Metadata, Field(description="Kept with the session.")] = {}
    id: Annotated[UUID | None, Field(description="An id of your own choice, new to us.")] = None


class SessionRename(Frozen):
    """Another title for a session."""

    title: Title


class SessionsQuery(PageQuery):
    """Which sessions, the last active first."""

    agent: AgentName | None = None


class MessagesQuery(PageQuery):
    """Which messages; a page of long ones holds fewer than `limit`."""

    order: Order = "asc"


class ExportQuery(Frozen):
    """What a session is written as."""

    format: ExportFormat = ExportFormat.JSON


CREATE_SESSION = Operation(
    id="create_session",
    method="POST",
    path="/v1/sessions",
    summary="Begin a session",
    function="memory_mgr/create_session",
    scope=Scope.SESSIONS_WRITE,
    response=Session,
    body=SessionRequest,
    query=NoQuery,
    status=201,
    erasable=True,
    # The agent is not there.
    refusals=(404,),
    idempotency=Idempotency.TRANSACTION,
)

LIST_SESSIONS = Operation(
    id="list_sessions",
    method="GET",
    path="/v1/sessions",
    summary="List your tenant's sessions, the last active first",
    function="memory_mgr/list_sessions",
    scope=Scope.SESSIONS_READ,
    response=Page[Session],
    body=NoBody,
    query=SessionsQuery,
)

GET_SESSION = Operation(
    id="get_session",
    method="GET",
    path="/v1/sessions/{session_id}",
    summary="Show a session and the runs under way in it",
    function="memory_mgr/get_session",
    scope=Scope.SESSIONS_READ,
    response=SessionDetail,
    body=NoBody,
    query=NoQuery,
    erasable=True,
    path_pattern=_SESSION,
)

RENAME_SESSION = Operation(
    id="rename_session",
    method="PATCH",
    path="/v1/sessions/{session_id}",
    summary="Give a session another title",
    function="memory_mgr/rename_session",
    scope=Scope.SESSIONS_WRITE,
    response=Session,
    body=SessionRename,
    query=NoQuery,
    erasable=True,
    idempotency=Idempotency.TRANSACTION,
    path_pattern=_SESSION,
)

DELETE_SESSION = Operation(
    id="delete_session",
    method="DELETE",
    path="/v1/sessions/{session_id}",
    summary="Delete a session, with all that was said in it, for good",
    function="memory_mgr/delete_session",
    scope=Scope.SESSIONS_WRITE,
    response=DeletedSession,
    body=NoBody,
    query=NoQuery,
    idempotency=Idempotency.TRANSACTION,
    path_pattern=_SESSION,
)

LIST_MESSAGES = Operation(
    id="list_messages",
    method="GET",
    path="/v1/sessions/{session_id}/messages",
    summary="List what was said in a session",
    function="memory_mgr/list_messages",
    scope=Scope.SESSIONS_READ,
    response=Page[SessionMessage],
    body=NoBody,
    query=MessagesQuery,
    erasable=True,
    path_pattern=_SESSION,
)

MEDIA_TYPES: Final = {
    ExportFormat.JSON: "application/json",
    ExportFormat.JSONL: "application/jsonl",
    ExportFormat.MARKDOWN: "text/markdown",
}
# What the file of an export is called behind the dot.
ENDINGS: Final = {
    ExportFormat.JSON: "json",
    ExportFormat.JSONL: "jsonl",
    ExportFormat.MARKDOWN: "md",
}
EXPORT_SESSION = Operation(
    id="export_session",
    method="GET",
    path="/v1/sessions/{session_id}/export",
    summary="Write a session out as a document",
    function="memory_mgr/export_session",
    scope=Scope.SESSIONS_READ,
    response=SessionExport,
    body=NoBody,
    query=ExportQuery,
    streaming=True,
    media_types=("application/jsonl", "text/markdown"),
    erasable=True,
    path_pattern=_SESSION,
    timeout_s=880,
)

OPERATIONS = (
    CREATE_SESSION,
    LIST_SESSIONS,
    GET_SESSION,
    RENAME_SESSION,
    DELETE_SESSION,
    LIST_MESSAGES,
    EXPORT_SESSION,
)
