"""Agents: documents become immutable versions, and aliases say which version answers."""

from __future__ import annotations

import re
from uuid import UUID

from orchstack.control_plane.canaries.choice import chosen
from orchstack.control_plane.documents import digest_of
from orchstack.control_plane.model.agents import (
    AgentPublished,
    AgentSummary,
    AgentVersion,
    Alias,
    AliasMoved,
    AliasState,
    Validation,
    VersionSummary,
)
from orchstack.control_plane.model.canaries import CanaryRequest
from orchstack.control_plane.ports import Agents, Canaries, ToolCatalog
from orchstack.control_plane.service.announcing import Announcer, actor_of
from orchstack.control_plane.service.canaries import CanaryControl, view_of
from orchstack.control_plane.service.judging import DocumentJudge
from orchstack.kernel.agents import AGENT_NAME, LIVE, MAX_VERSION, AgentDocument, EffectiveAgent
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import InvalidDocument, InvalidRequest, NotFound, fault_at
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.pagination import Page, PageQuery, number_up_to, paginate, position_of
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal

_AGENTS = "agents"


class AgentDirectory:
    """Publishes, points, lists and finds the agents of a tenant."""

    def __init__(
        self, agents: Agents, canaries: Canaries, tools: ToolCatalog, clock: Clock
    ) -> None:
        """Take the stores, the tools a document may name, and the clock."""
        self._agents = agents
        self._judge = DocumentJudge(agents, tools)
        self._canaries = CanaryControl(canaries, clock)
        self._clock = clock
        self._announcer = Announcer(clock)

    def publish(
        self,
        principal: Principal,
        agent: str,
        document: AgentDocument,
        *,
        canary: float | None = None,
    ) -> tuple[AgentVersion, bool]:
        """Let a document answer as `live`; True if that took a new version.

        A document that is a version already makes none: `live` moves to it. With a weight for
        `canary` it answers that share of sessions beside the live version, if there is one, under
        the rules of the canary it goes on with, else the default ones. Raises InvalidDocument.
        """
        tenant_id, digest = principal.tenant_id, digest_of(document)
        with self._agents.transaction(tenant_id):
            faults = self._judge.faults(tenant_id, agent, document)
            if faults:
                raise InvalidDocument(faults=faults)
            self._agents.create(tenant_id, agent, self._clock.now())
            live = self._agents.alias(tenant_id, agent, LIVE)
            known = self._agents.version_with(tenant_id, agent, digest)
            beside = canary is not None and live is not None
            version = known or self._add(principal, agent, document, digest, live=not beside)
            if canary is None or live is None:
                self._move(principal, agent, LIVE, version, announced=known is not None)
            elif version != live:
                self._try(principal, agent, live, version, canary)
            return self._found(tenant_id, agent, version=version), known is None

    def validate(self, tenant_id: UUID, agent: str, given: JsonObject) -> Validation:
        """Say what is wrong with a document and what it would change; changes nothing."""
        return self._judge.validate(tenant_id, agent, given)

    def set_alias(
        self,
        principal: Principal,
        agent: str,
        alias: str,
        version: int,
        canary: CanaryRequest | None = None,
    ) -> Alias:
        """Point an alias at a version, and at a canary beside it; without one, a canary ends.

        Raises NotFound if the agent or a version is not there, InvalidRequest for a canary that
        cannot be.
        """
        tenant_id = principal.tenant_id
        if canary is not None:
            _check(alias, version, canary)
        with self._agents.transaction(tenant_id):
            if not self._agents.lock(tenant_id, agent):
                raise NotFound
            self._found(tenant_id, agent, version=version)
            if canary is None:
                return self._move(principal, agent, alias, version)
            self._found(tenant_id, agent, version=canary.version)
            moved = self._point(principal, agent, alias, version)
            begun = self._canaries.begin(principal, agent, alias, version, canary)
            return moved.model_copy(update={"canary": view_of(begun)})

    def alias(self, tenant_id: UUID, agent: str, alias: str) -> AliasState:
        """Show where an alias points, with its canary; raises NotFound."""
        with self._agents.transaction(tenant_id):
            version = self._agents.alias(tenant_id, agent, alias)
            if version is None:
                raise NotFound
            canary = self._canaries.last(tenant_id, agent, alias)
        return AliasState(
            agent=agent,
            alias=alias,
            version=version,
            canary=None if canary is None else view_of(canary),
        )

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
        """Give what a run is configured by: the version asked for, else the live one.

        During a canary the same `sticky` (a session, else a run) meets the same of two versions.
        """
        if version is not None:
            found = self._found(tenant_id, agent, version=version)
            return EffectiveAgent(name=found.agent, version=version, document=found.document)
        route = self._agents.route(tenant_id, agent, LIVE)
        if route is None:
            raise NotFound
        return chosen(route, LIVE, sticky)

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

    def _add(
        self,
        principal: Principal,
        agent: str,
        document: AgentDocument,
        digest: str,
        *,
        live: bool,
    ) -> int:
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
        published = AgentPublished(
            agent=agent, version=version.version, digest=digest, published_by=actor, live=live
        )
        self._announce(principal, "agent.publish", agent, published)
        return version.version

    def _try(
        self, principal: Principal, agent: str, live: int, version: int, weight: float
    ) -> None:
        """Let a version answer a share of the sessions; rules that were set for it stay."""
        running = self._canaries.running(principal.tenant_id, agent, LIVE)
        wish = CanaryRequest(version=version, weight=weight)
        if running is not None and (running.stable_version, running.version) == (live, version):
            wish = wish.model_copy(update={"rollback": running.rollback})
        self._canaries.begin(principal, agent, LIVE, live, wish)

    def _move(
        self, principal: Principal, agent: str, alias: str, version: int, *, announced: bool = True
    ) -> Alias:
        """Point an alias at a version alone: what canary it has ends."""
        running = self._canaries.running(principal.tenant_id, agent, alias)
        if running is not None:
            self._canaries.end(principal, running, version)
        return self._point(principal, agent, alias, version, announced=announced)

    def _point(
        self, principal: Principal, agent: str, alias: str, version: int, *, announced: bool = True
    ) -> Alias:
        previous = self._agents.alias(principal.tenant_id, agent, alias)
        if previous != version:
            self._agents.point(principal.tenant_id, agent, alias, version, self._clock.now())
            moved = AliasMoved(
                agent=agent,
                alias=alias,
                version=version,
                previous_version=previous,
                moved_by=actor_of(principal),
            )
            if announced:
                self._announce(principal, "alias.move", agent, moved)
        return Alias(agent=agent, alias=alias, version=version, previous_version=previous)

    def _announce(self, principal: Principal, action: str, agent: str, told: Frozen) -> None:
        tenant_id, actor = principal.tenant_id, actor_of(principal)
        self._agents.announce(
            tenant_id,
            self._announcer.announcement(tenant_id, actor, action, f"agents/{agent}", told),
        )

    def _found(
        self, tenant_id: UUID, agent: str, *, version: int | None = None, alias: str | None = None
    ) -> AgentVersion:
        found = self._agents.get(tenant_id, agent, version=version, alias=alias)
        if found is None:
            raise NotFound
        return found


def _check(alias: str, version: int, canary: CanaryRequest) -> None:
    if alias != LIVE:
        detail = f"Runs are sent where `{LIVE}` points; only `{LIVE}` can have a canary."
        raise InvalidRequest(detail, faults=[fault_at("/canary", detail)])
    if canary.version == version:
        detail = "The canary must be another version than the stable one."
        raise InvalidRequest(detail, faults=[fault_at("/canary/version", detail)])


def _name(position: str) -> str:
    if not re.fullmatch(AGENT_NAME, position):
        raise ValueError("no agent's name")
    return position
