"""What the control plane needs from the world."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from orchstack.control_plane.model.agents import AgentSummary, AgentVersion, VersionSummary
from orchstack.control_plane.model.canaries import Canary, Route
from orchstack.control_plane.model.tenants import ApiKey, Credential, Tenant, Verdict
from orchstack.kernel.agents import AgentLink
from orchstack.kernel.events import Announcement
from orchstack.kernel.tenancy import RequestLimits


class Records(Protocol):
    """A store whose changes and announcements come about together or not at all."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Make what happens inside one change; joins a transaction of the tenant that is open."""

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Write the events and audit entries that the change owes."""


class Tenants(Records, Protocol):
    """The tenants of the installation, for its administrator."""

    def add(self, tenant: Tenant) -> None:
        """Keep a new tenant."""

    def add_key(self, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
        """Keep a new tenant's first key."""

    def page(self, *, limit: int, before: UUID | None) -> list[Tenant]:
        """Give tenants in descending order of id, from below `before`."""


class Keys(Records, Protocol):
    """The API keys of a tenant."""

    def add(self, tenant_id: UUID, key: ApiKey, digest: bytes) -> None:
        """Keep a new key."""

    def lock(self, tenant_id: UUID, key_id: UUID) -> ApiKey | None:
        """Give a key and keep others from changing it until the transaction ends."""

    def revoke(self, tenant_id: UUID, key_id: UUID, at: datetime) -> None:
        """Mark a key as revoked."""

    def page(self, tenant_id: UUID, *, limit: int, before: UUID | None) -> list[ApiKey]:
        """Give keys in descending order of id, from below `before`."""


class PlatformKeys(Records, Protocol):
    """The key by which the installation's first administrator is let in."""

    def ensure(self, key: ApiKey, digest: bytes) -> bool:
        """Make the platform and this key of it, and revoke its predecessors; False if it was there.

        A key that an administrator revoked stays revoked.
        """


class Credentials(Protocol):
    """The look-up behind authentication."""

    def find(self, tenant_id: UUID, digest: bytes) -> Credential | None:
        """Give the key with this digest, if the tenant has it. Raises Unavailable."""

    def valid(self, tenant_id: UUID, key_id: UUID, now: datetime) -> bool:
        """Whether a key of an active tenant is neither revoked nor expired. Raises Unavailable."""


class Agents(Records, Protocol):
    """The agents of a tenant, their versions and aliases."""

    def lock(self, tenant_id: UUID, agent: str) -> bool:
        """Keep others from changing an agent until the transaction ends; False if there is none."""

    def create(self, tenant_id: UUID, agent: str, at: datetime) -> None:
        """Make an agent without a version, or lock it if it is there already."""

    def add_version(self, tenant_id: UUID, version: AgentVersion) -> None:
        """Keep a new version; its aliases are set by `point`."""

    def version_with(self, tenant_id: UUID, agent: str, digest: str) -> int | None:
        """Give the version that has this digest."""

    def latest(self, tenant_id: UUID, agent: str) -> int:
        """Give the highest version, 0 if there is none."""

    def point(self, tenant_id: UUID, agent: str, alias: str, version: int, at: datetime) -> None:
        """Set an alias; the agent counts as updated."""

    def alias(self, tenant_id: UUID, agent: str, alias: str) -> int | None:
        """Give the version that an alias names."""

    def route(self, tenant_id: UUID, agent: str, alias: str) -> Route | None:
        """Give where an alias leads, in one round trip: runs wait for it."""

    def links(self, tenant_id: UUID, agents: Collection[str]) -> dict[str, tuple[AgentLink, ...]]:
        """Give what the live versions of these agents link to; who is not live is left out."""

    def get(
        self, tenant_id: UUID, agent: str, *, version: int | None = None, alias: str | None = None
    ) -> AgentVersion | None:
        """Give the version of the given number or alias, one of which must be there."""

    def page(self, tenant_id: UUID, *, limit: int, after: str | None) -> list[AgentSummary]:
        """Give agents in the order of their names, from beyond `after`."""

    def versions(
        self, tenant_id: UUID, agent: str, *, limit: int, before: int | None
    ) -> list[VersionSummary]:
        """Give versions in descending order, from below `before`."""


class Canaries(Records, Protocol):
    """The canaries of agents, and which runs they have counted."""

    def lock(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the running canary and keep others from changing it until the transaction ends."""

    def last(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the canary that runs, else the last that did."""

    def start(self, tenant_id: UUID, canary: Canary) -> None:
        """Keep a new canary; none may be running."""

    def keep(self, tenant_id: UUID, canary: Canary) -> None:
        """Keep what became of the running canary; one that ended forgets which runs it counted."""

    def take(self, tenant_id: UUID, canary: Canary, run_id: UUID) -> bool:
        """Mark a run as counted; False if it was."""


class ToolCatalog(Protocol):
    """The tools of the installation."""

    def known(self) -> Collection[str]:
        """Give the names of all tools."""


class RateLimiter(Protocol):
    """The token buckets of tenants and keys, and the marks of revoked keys."""

    def take(self, tenant_id: UUID, key_id: UUID, limits: RequestLimits) -> Verdict:
        """Take a token of the tenant and one of the key, or none. Raises Unavailable."""

    def revoke(self, tenant_id: UUID, key_id: UUID) -> None:
        """Mark a key, for longer than an authorizer's answer is cached. Raises Unavailable."""


class Part(Protocol):
    """A store whose health is asked for."""

    name: str

    def check(self) -> None:
        """Return if it answers. Raises Unavailable."""
