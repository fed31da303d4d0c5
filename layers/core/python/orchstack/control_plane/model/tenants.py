"""Tenants, API keys, and what the gate says of a request."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.control_plane.model.actors import Actor
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.tenancy import Principal, RequestLimits, Scope

Environment = Literal["live", "test"]
Label = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\u0000-\u001f\u007f]*$",
        description="A name for people, without control characters.",
    ),
]


class TenantStatus(StrEnum):
    """Whether a tenant's keys are let in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Tenant(Frozen):
    """A company, team or customer: the boundary that the database keeps."""

    id: UUID
    name: Label
    status: TenantStatus
    limits: RequestLimits
    created_at: AwareDatetime


class ApiKey(Frozen):
    """A key without its secret."""

    id: UUID
    name: Label
    environment: Environment
    scopes: tuple[Scope, ...]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class IssuedKey(Frozen):
    """A new key; `secret` is shown this once, and null when the answer is repeated."""

    key: ApiKey
    secret: Annotated[str, Field(pattern=r"^os_(live|test)_[0-9A-Za-z]{71}$")] | None

    def without_secret(self) -> IssuedKey:
        """Give what may be stored of it."""
        return self.model_copy(update={"secret": None})


class IssuedTenant(Frozen):
    """A new tenant with its first key."""

    tenant: Tenant
    first_key: IssuedKey

    def without_secret(self) -> IssuedTenant:
        """Give what may be stored of it."""
        return self.model_copy(update={"first_key": self.first_key.without_secret()})


class Credential(Frozen):
    """What the authorizer must know of a key that somebody presented."""

    principal: Principal
    revoked: bool
    tenant_status: TenantStatus


class Allowance(Frozen):
    """What one rate limit has left: `name` as in the header, `quota` requests a minute."""

    name: str
    quota: int
    tokens: float


class Verdict(Frozen):
    """What the gate's store says of a request; `allowances` is empty if the key was revoked."""

    revoked: bool = False
    admitted: bool = False
    allowances: tuple[Allowance, ...] = ()


class Health(Frozen):
    """The installation answers, and so do its stores."""

    status: Literal["ok"] = "ok"
    database: Literal["ok"] = "ok"
    cache: Literal["ok"] = "ok"


class TenantCreated(Frozen):
    """A tenant was made."""

    tenant_id: UUID
    name: Label
    limits: RequestLimits


class KeyCreated(Frozen):
    """An API key was made."""

    key_id: UUID
    name: Label
    environment: Environment
    scopes: tuple[Scope, ...]
    expires_at: AwareDatetime | None
    created_by: Actor


class KeyRevoked(Frozen):
    """An API key was revoked; whoever holds something open for it should close it."""

    key_id: UUID
    revoked_by: Actor
