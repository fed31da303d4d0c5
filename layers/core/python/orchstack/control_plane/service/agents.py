"""Agents: documents become immutable versions, and aliases say which version answers."""

from __future__ import annotations

import re
from uuid import UUID

from orchstack.control_plane.documents import digest_of, faults_of
from orchstack.control_plane.model.agents import (
    AgentPublished,
    AgentSummary,
    AgentVersion,
    Alias,
    AliasMoved,
    VersionSummary,
)
from orchstack.control_plane.ports import Agents, ToolCatalog
from orchstack.control_plane.service.announcing import Announcer, actor_of
from orchstack.kernel.agents import AGENT_NAME, LIVE, MAX_VERSION, AgentDocument, EffectiveAgent
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import InvalidDocument, InvalidRequest, NotFound
from orchstack.kernel.pagination import Page, PageQuery, number_up_to, paginate, position_of
from orchstack.kernel.tenancy import Principal

_AGENTS = "agents"


class AgentDirectory:
    """Publishes, points, lists and finds the agents of a tenant."""

    def __init__(self, agents: Agents, tools: ToolCatalog, clock: Clock) -> None:
        """Take the store, the tools a document may name, and the clock."""
        self._agents = agents
        self._tools = tools
        self._clock = clock
        self._announcer = Announcer(clock)

    def publish(
        self, principal: Principal, agent: str, document: AgentDocument
    ) -> tuple[AgentVersion, bool]:
        """Let a document answer as `live`; True if that took a new version.

        A document that is a version already makes none: `live` moves to it. Raises InvalidDocument.
        """
        faults = faults_of(document, agent, self._tools.known())
        if faults:
            raise InvalidDocument(faults=faults)
        tenant_id, digest = principal.tenant_id, digest_of(document)
        with self._agents.transaction(tenant_id):
            self._agents.create(tenant_id, agent, self._clock.now())
            version = self._agents.version_with(tenant_id, agent, digest)
            if version is None:
                self._add(principal, agent, document, digest)
            else:
                self._move(principal, agent, LIVE, version)
            return self._found(tenant_id, agent, alias=LIVE), version is None

    def set_alias(self, principal: Principal, agent: str, alias: str, version: int) -> Alias:
        """Point an alias at a version; raises NotFound if the agent or the version is not there."""
        tenant_id = principal.tenant_id
        with self._agents.transaction(tenant_id):
            if not self._agents.lock(tenant_id, agent):
                raise NotFound
            self._found(tenant_id, agent, version=version)
            return self._move(principal, agent, alias, version)

    def get(
        self, tenant_id: UUID, agent: str, *, version: int | None, alias: str | None
    ) -> AgentVersion:
        """Give a version by number or alias, else the live one; raises NotFound, InvalidRequest."""
        if version is not None and alias is not None:
            raise InvalidRequest("Ask for a version or for an alias, not for both.")
        if version is not None:
            return self._found(tenant_id, agent, version=version)
        return self._found(tenant_id, agent, alias=alias or LIVE)

    def effective(
        self, tenant_id: UUID, agent: str, version: int | None, *, sticky: str = ""
    ) -> EffectiveAgent:
        """Give what a run is configured by: the version asked for, else the live one."""
        del sticky
        found = self.get(tenant_id, agent, version=version, alias=None)
        return EffectiveAgent(name=found.agent, version=found.version, document=found.document)

    def page(self, tenant_id: UUID, query: PageQuery) -> Page[AgentSummary]:
        """List the tenant's agents by name."""
        after = position_of(query.cursor, _AGENTS, _name)
        return paginate(
            self._agents.page(tenant_id, limit=query.limit + 1, after=after),
            limit=query.limit,
            listing=_AGENTS,
            position=lambda agent: agent.name,
            item=lambda agent: agent,
        )

    def versions(self, tenant_id: UUID, agent: str, query: PageQuery) -> Page[VersionSummary]:
        """List the versions of an agent, newest first; raises NotFound if it has none."""
        listing = f"versions of {agent}"
        before = position_of(query.cursor, listing, number_up_to(MAX_VERSION))
        found = self._agents.versions(tenant_id, agent, limit=query.limit + 1, before=before)
        if not found and before is None:
            raise NotFound
        return paginate(
            found,
            limit=query.limit,
            listing=listing,
            position=lambda version: str(version.version),
            item=lambda version: version,
        )

    def _add(self, principal: Principal, agent: str, document: AgentDocument, digest: str) -> None:
        tenant_id, actor, now = principal.tenant_id, actor_of(principal), self._clock.now()
        version = AgentVersion(
            agent=agent,
            version=self._agents.latest(tenant_id, agent) + 1,
            digest=digest,
            aliases=(),
            published_at=now,
            published_by=actor,
            document=document,
        )
        self._agents.add_version(tenant_id, version)
        self._agents.point(tenant_id, agent, LIVE, version.version, now)
        published = AgentPublished(
            agent=agent, version=version.version, digest=digest, published_by=actor
        )
        self._agents.announce(
            tenant_id,
            self._announcer.announcement(
                tenant_id, actor, "agent.publish", f"agents/{agent}", published
            ),
        )

    def _move(self, principal: Principal, agent: str, alias: str, version: int) -> Alias:
        tenant_id, actor = principal.tenant_id, actor_of(principal)
        current = self._agents.get(tenant_id, agent, alias=alias)
        previous = current.version if current else None
        if previous != version:
            self._agents.point(tenant_id, agent, alias, version, self._clock.now())
            moved = AliasMoved(
                agent=agent,
                alias=alias,
                version=version,
                previous_version=previous,
                moved_by=actor,
            )
            self._agents.announce(
                tenant_id,
                self._announcer.announcement(
                    tenant_id, actor, "alias.move", f"agents/{agent}", moved
                ),
            )
        return Alias(agent=agent, alias=alias, version=version, previous_version=previous)

    def _found(
        self, tenant_id: UUID, agent: str, *, version: int | None = None, alias: str | None = None
    ) -> AgentVersion:
        found = self._agents.get(tenant_id, agent, version=version, alias=alias)
        if found is None:
            raise NotFound
        return found


def _name(position: str) -> str:
    if not re.fullmatch(AGENT_NAME, position):
        raise ValueError("no agent's name")
    return position
