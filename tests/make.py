"""Makes the things tests are about, valid unless told otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.events import Announcement, AuditEntry, Event
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import TENANT_SCOPES, Principal, Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def principal(tenant_id: UUID | None = None, scopes: frozenset[Scope] = TENANT_SCOPES) -> Principal:
    """A caller with a live key."""
    return Principal(
        tenant_id=tenant_id or new_id(), key_id=new_id(), environment="live", scopes=scopes
    )


def agent_document(**changes: Any) -> AgentDocument:
    """An agent that answers sums."""
    given = {"name": "adder", "instructions": "Answer sums.", "tools": ("calculator",)}
    return AgentDocument.model_validate({**given, **changes})


def event(tenant_id: UUID | None = None, **changes: Any) -> Event:
    """An event that something was published."""
    given = {
        "id": new_id(),
        "source": "orchstack.control_plane",
        "type": "control_plane.AgentPublished.v1",
        "subject": "agents/adder",
        "time": NOW,
        "tenantid": tenant_id or new_id(),
        "data": {"agent": "adder", "version": 1},
    }
    return Event.model_validate({**given, **changes})


def audit_entry(tenant_id: UUID | None = None, **changes: Any) -> AuditEntry:
    """An audit entry of an admin change."""
    given = {
        "id": new_id(),
        "tenant_id": tenant_id or new_id(),
        "at": NOW,
        "actor": "system:tests",
        "action": "agent.publish",
        "subject": "agents/adder",
        "outcome": "succeeded",
    }
    return AuditEntry.model_validate({**given, **changes})


def announcement(tenant_id: UUID | None = None) -> Announcement:
    """One event and one audit entry of one tenant."""
    owner = tenant_id or new_id()
    return Announcement(events=(event(owner),), audit=(audit_entry(owner),))


def rest_event(
    method: str = "GET",
    path: str = "/v1/things",
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str | list[str]] | None = None,
    caller: Principal | None = None,
    **path_parameters: str,
) -> dict[str, Any]:
    """A REST proxy event (payload format 1.0); `body` may be text or anything JSON can hold."""
    repeated = {
        name: value if isinstance(value, list) else [value] for name, value in (query or {}).items()
    }
    context: dict[str, Any] = {"requestId": str(new_id()), "httpMethod": method, "path": path}
    if caller is not None:
        context["authorizer"] = {"principal": caller.model_dump_json()}
    return {
        "httpMethod": method,
        "path": path,
        "headers": dict(headers or {}),
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {name: values[-1] for name, values in repeated.items()} or None,
        "multiValueQueryStringParameters": repeated or None,
        "pathParameters": path_parameters or None,
        "requestContext": context,
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


@dataclass
class LambdaContext:
    """The context of an invocation that has this long to run."""

    remaining_ms: int = 29_000
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    function_name: str = "tests"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation ends."""
        return self.remaining_ms
