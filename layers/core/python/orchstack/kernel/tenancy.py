"""Who is asking: the tenant, the key and what it may do, always from the verified principal."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.kernel.frozen import Frozen


class Scope(StrEnum):
    """What an API key may do."""

    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    EVENTS_READ = "events:read"
    AUDIT_READ = "audit:read"
    # Only keys of the platform tenant may carry this one: it makes and lists tenants.
    PLATFORM_ADMIN = "platform:admin"


PLATFORM_TENANT = UUID("00000000-0000-7000-8000-000000000000")
TENANT_SCOPES = frozenset(Scope) - {Scope.PLATFORM_ADMIN}


class RequestLimits(Frozen):
    """How many requests a minute a tenant's plan allows: all its keys together, and each key."""

    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 1_200
    requests_per_minute_per_key: Annotated[int, Field(ge=1, le=1_000_000)] = 600


class Principal(Frozen):
    """A verified caller: the authorizer builds it from the API key, its context carries it."""

    tenant_id: UUID
    key_id: UUID
    environment: Literal["live", "test"]
    scopes: frozenset[Scope]
    expires_at: AwareDatetime | None = None
    limits: RequestLimits = RequestLimits()

    def may(self, scope: Scope) -> bool:
        """Whether the key carries the scope."""
        return scope in self.scopes


# Who calls a public operation. The nil tenant owns nothing, so row-level security shows it nothing.
ANONYMOUS = Principal(
    tenant_id=UUID(int=0), key_id=UUID(int=0), environment="live", scopes=frozenset()
)
