"""Agents in memory, with the behaviour of their tables."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from orchstack.control_plane.adapters.in_memory import InMemoryRecords, StoredAgent
from orchstack.control_plane.model.agents import AgentSummary, AgentVersion, VersionSummary
from orchstack.control_plane.model.canaries import Route
from orchstack.kernel.agents import LIVE, AgentLink, EffectiveAgent


class InMemoryAgents(InMemoryRecords):
    """Agents in a dictionary for each tenant."""

    def lock(self, tenant_id: UUID, agent: str) -> bool:
        """Whether there is the agent; the transaction's lock is on everything."""
        return agent in self._of(tenant_id)

    def create(self, tenant_id: UUID, agent: str, at: datetime) -> None:
        """Make an agent without a version, if it is not there."""
        self._of(tenant_id).setdefault(agent, StoredAgent(created_at=at, updated_at=at))

    def add_version(self, tenant_id: UUID, version: AgentVersion) -> None:
        """Keep a new version."""
        self._of(tenant_id)[version.agent].versions[version.version] = version

    def version_with(self, tenant_id: UUID, agent: str, digest: str) -> int | None:
        """Give the version that has this digest."""
        versions = self._of(tenant_id)[agent].versions.values()
        return next((v.version for v in versions if v.digest == digest), None)

    def latest(self, tenant_id: UUID, agent: str) -> int:
        """Give the highest version, 0 if there is none."""
        return max(self._of(tenant_id)[agent].versions, default=0)

    def point(self, tenant_id: UUID, agent: str, alias: str, version: int, at: datetime) -> None:
        """Set an alias and date the agent."""
        stored = self._of(tenant_id)[agent]
        stored.aliases[alias] = version
        stored.updated_at = at

    def alias(self, tenant_id: UUID, agent: str, alias: str) -> int | None:
        """Give the version that an alias names."""
        stored = self._of(tenant_id).get(agent)
        return None if stored is None else stored.aliases.get(alias)

    def route(self, tenant_id: UUID, agent: str, alias: str) -> Route | None:
        """Give where an alias leads."""
        number = self.alias(tenant_id, agent, alias)
        if number is None:
            return None
        versions = self._of(tenant_id)[agent].versions
        stable = _effective(versions[number])
        for stored in self.tables.canaries.get(tenant_id, []):
            canary = stored.canary
            if (canary.agent, canary.alias, canary.end) == (agent, alias, None):
                return Route(
                    stable=stable,
                    canary=_effective(versions[canary.version]),
                    generation=canary.generation,
                    weight=canary.weight,
                )
        return Route(stable=stable)

    def links(self, tenant_id: UUID, agents: Collection[str]) -> dict[str, tuple[AgentLink, ...]]:
        """Give what the live versions of these agents link to."""
        return {
            name: stored.versions[stored.aliases[LIVE]].document.agents
            for name, stored in self._of(tenant_id).items()
            if name in agents and LIVE in stored.aliases
        }

    def get(
        self, tenant_id: UUID, agent: str, *, version: int | None = None, alias: str | None = None
    ) -> AgentVersion | None:
        """Give the version of the given number or alias."""
        stored = self._of(tenant_id).get(agent)
        if stored is None:
            return None
        number = stored.aliases.get(alias or "") if version is None else version
        found = stored.versions.get(number or 0)
        return None if found is None else _named(found, stored)

    def page(self, tenant_id: UUID, *, limit: int, after: str | None) -> list[AgentSummary]:
        """Give agents in the order of their names."""
        found = [
            AgentSummary(
                name=name,
                description=stored.versions[stored.aliases[LIVE]].document.description,
                live_version=stored.aliases[LIVE],
                latest_version=max(stored.versions),
                created_at=stored.created_at,
                updated_at=stored.updated_at,
            )
            for name, stored in self._of(tenant_id).items()
            if LIVE in stored.aliases and (after is None or name > after)
        ]
        return sorted(found, key=lambda agent: agent.name)[:limit]

    def versions(
        self, tenant_id: UUID, agent: str, *, limit: int, before: int | None
    ) -> list[VersionSummary]:
        """Give versions in descending order."""
        stored = self._of(tenant_id).get(agent)
        if stored is None:
            return []
        numbers = sorted((n for n in stored.versions if before is None or n < before), reverse=True)
        return [
            VersionSummary.model_validate(
                _named(stored.versions[number], stored).model_dump(exclude={"document"})
            )
            for number in numbers[:limit]
        ]

    def _of(self, tenant_id: UUID) -> dict[str, StoredAgent]:
        return self.tables.agents.setdefault(tenant_id, {})


def _effective(version: AgentVersion) -> EffectiveAgent:
    return EffectiveAgent(name=version.agent, version=version.version, document=version.document)


def _named(version: AgentVersion, stored: StoredAgent) -> AgentVersion:
    """Give a version with the aliases that name it now."""
    names = sorted(name for name, number in stored.aliases.items() if number == version.version)
    return version.model_copy(update={"aliases": tuple(names)})
