"""The control plane over memory, for tests of its rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orchstack.control_plane.adapters.in_memory import (
    InMemoryCredentials,
    InMemoryKeys,
    InMemoryPlatformKeys,
    InMemoryTenants,
    Memory,
)
from orchstack.control_plane.adapters.in_memory_agents import InMemoryAgents
from orchstack.control_plane.adapters.in_memory_canaries import InMemoryCanaries
from orchstack.control_plane.adapters.in_memory_limiter import InMemoryRateLimiter
from orchstack.control_plane.model.tenants import IssuedTenant
from orchstack.control_plane.service.agents import AgentDirectory
from orchstack.control_plane.service.authenticator import Authenticator
from orchstack.control_plane.service.canaries import CanaryWatch
from orchstack.control_plane.service.gate import RequestGate
from orchstack.control_plane.service.keys import KeyAdministration
from orchstack.control_plane.service.platform import PlatformBootstrap
from orchstack.control_plane.service.tenants import TenantAdministration
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.tenancy import PLATFORM_TENANT, Principal, RequestLimits, Scope
from tests import make


class Tools:
    """Two tools."""

    def known(self) -> frozenset[str]:
        """Give their names."""
        return frozenset({"calculator", "current_time"})


@dataclass
class ControlPlane:
    """All use cases over one memory and one clock."""

    clock: ManualClock = field(default_factory=ManualClock)
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        """Join them."""
        credentials = InMemoryCredentials(self.memory)
        self.limiter = InMemoryRateLimiter(lambda: self.clock.now().timestamp())
        self.tenants = TenantAdministration(InMemoryTenants(self.memory), self.clock)
        self.keys = KeyAdministration(InMemoryKeys(self.memory), self.limiter, self.clock)
        self.agents = AgentDirectory(
            InMemoryAgents(self.memory), InMemoryCanaries(self.memory), Tools(), self.clock
        )
        self.watch = CanaryWatch(InMemoryCanaries(self.memory), self.clock)
        self.authenticator = Authenticator(credentials, self.clock)
        self.gate = RequestGate(self.limiter, credentials, self.clock)
        self.platform = PlatformBootstrap(InMemoryPlatformKeys(self.memory), self.clock)

    def tenant(self, limits: RequestLimits | None = None) -> tuple[IssuedTenant, Principal]:
        """Make a tenant; gives it with the principal of its first key."""
        administrator = make.principal(PLATFORM_TENANT, frozenset({Scope.PLATFORM_ADMIN}))
        issued = self.tenants.create(administrator, "Acme", limits or RequestLimits())
        return issued, self.authenticator.authenticate(issued.first_key.secret)

    def key(self, principal: Principal, *scopes: Scope, **wishes: Any) -> Principal:
        """Make a key of the given scopes; gives its principal."""
        given = {"environment": None, "expires_in_s": None, **wishes}
        made = self.keys.create(principal, name="another", scopes=scopes, **given)
        return self.authenticator.authenticate(made.secret)

    def announced(self, tenant_id: UUID) -> list[str]:
        """Give the types of the events that were written for a tenant."""
        events = [e for a in self.memory.tables.announcements for e in a.events]
        return [event.type for event in events if event.tenantid == tenant_id]

    def audited(self, tenant_id: UUID) -> list[str]:
        """Give the actions in a tenant's audit log."""
        entries = [e for a in self.memory.tables.announcements for e in a.audit]
        return [entry.action for entry in entries if entry.tenant_id == tenant_id]
