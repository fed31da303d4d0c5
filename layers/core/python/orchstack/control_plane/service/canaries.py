"""Canaries: begun, adjusted and ended with their alias, and ended by their own rules."""

from __future__ import annotations

from uuid import UUID

from orchstack.control_plane.canaries.evidence import after, findings, rejudged
from orchstack.control_plane.model.canaries import (
    Canary,
    CanaryAdjusted,
    CanaryEnd,
    CanaryEnded,
    CanaryRequest,
    CanaryRolledBack,
    CanaryStarted,
    CanaryView,
)
from orchstack.control_plane.model.evidence import RunResult
from orchstack.control_plane.ports import Canaries
from orchstack.control_plane.service.announcing import Announcer, actor_of
from orchstack.kernel.agents import LIVE, Variant
from orchstack.kernel.clock import Clock
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.ids import made_at_ms
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal

_SYSTEM = "system:control_plane"


class CanaryControl:
    """Begins, adjusts and ends the canary of an alias, inside the transaction that moves it."""

    def __init__(self, canaries: Canaries, clock: Clock) -> None:
        """Take the store and the clock."""
        self._canaries = canaries
        self._clock = clock
        self._announcer = Announcer(clock)

    def running(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the running canary, locked until the transaction ends."""
        return self._canaries.lock(tenant_id, agent, alias)

    def last(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the canary that runs, else the last that did."""
        return self._canaries.last(tenant_id, agent, alias)

    def begin(
        self, principal: Principal, agent: str, alias: str, stable: int, wish: CanaryRequest
    ) -> Canary:
        """Begin a canary beside the stable version, or adjust the one of these two that runs."""
        running = self.running(principal.tenant_id, agent, alias)
        if running is not None:
            if (running.stable_version, running.version) == (stable, wish.version):
                return self._adjust(principal, running, wish)
            self._end(principal, running, CanaryEnd.REPLACED)
        last = self.last(principal.tenant_id, agent, alias)
        canary = Canary(
            agent=agent,
            alias=alias,
            generation=1 if last is None else last.generation + 1,
            stable_version=stable,
            version=wish.version,
            weight=wish.weight,
            rollback=wish.rollback,
            started_at=self._clock.now(),
            started_by=actor_of(principal),
        )
        self._canaries.start(principal.tenant_id, canary)
        started = CanaryStarted(
            **_facts(canary),
            weight=canary.weight,
            rollback=canary.rollback,
            started_by=canary.started_by,
        )
        self._announce(principal.tenant_id, canary.started_by, "canary.start", canary, started)
        return canary

    def end(self, principal: Principal, canary: Canary, version: int) -> None:
        """End a canary because its alias names `version` alone from now on."""
        ends = {canary.version: CanaryEnd.PROMOTED, canary.stable_version: CanaryEnd.ABORTED}
        self._end(principal, canary, ends.get(version, CanaryEnd.REPLACED))

    def _adjust(self, principal: Principal, running: Canary, wish: CanaryRequest) -> Canary:
        if (running.weight, running.rollback) == (wish.weight, wish.rollback):
            return running
        trial = rejudged(running.trial, running.rollback, wish.rollback)
        canary = running.model_copy(
            update={"weight": wish.weight, "rollback": wish.rollback, "trial": trial}
        )
        self._canaries.keep(principal.tenant_id, canary)
        actor = actor_of(principal)
        adjusted = CanaryAdjusted(
            **_facts(canary), weight=canary.weight, rollback=canary.rollback, adjusted_by=actor
        )
        self._announce(principal.tenant_id, actor, "canary.adjust", canary, adjusted)
        return canary

    def _end(self, principal: Principal, canary: Canary, end: CanaryEnd) -> None:
        actor = actor_of(principal)
        ended = canary.model_copy(
            update={"ended_at": self._clock.now(), "ended_by": actor, "end": end}
        )
        self._canaries.keep(principal.tenant_id, ended)
        facts = _facts(canary) | {"stable": canary.trial.stable, "canary": canary.trial.canary}
        told = CanaryEnded.model_validate(facts | {"end": end, "ended_by": actor})
        self._announce(principal.tenant_id, actor, "canary.end", canary, told)

    def _announce(
        self, tenant_id: UUID, actor: str, action: str, canary: Canary, told: Frozen
    ) -> None:
        self._canaries.announce(
            tenant_id,
            self._announcer.announcement(tenant_id, actor, action, f"agents/{canary.agent}", told),
        )


class CanaryWatch:
    """Counts the runs of canaries, and rolls back the one that breaks a rule."""

    def __init__(self, canaries: Canaries, clock: Clock) -> None:
        """Take the store and the clock."""
        self._canaries = canaries
        self._clock = clock
        self._announcer = Announcer(clock)

    def observe(
        self,
        tenant_id: UUID,
        agent: str,
        version: int,
        run_id: UUID,
        *,
        failed: bool,
        cost_micro_usd: int,
    ) -> bool:
        """Count a run that ended; True if that rolled the canary back. Raises Unavailable.

        To be called for runs that a canary sent to their version, not for those that asked for it.
        A run counts once, however often and in whatever order runs are told; one that began before
        the canary or is told after its end does not count.
        """
        with self._canaries.transaction(tenant_id):
            canary = self._canaries.lock(tenant_id, agent, LIVE)
            if canary is None or version not in (canary.stable_version, canary.version):
                return False
            if _older(run_id, canary) or not self._canaries.take(tenant_id, canary, run_id):
                return False
            variant: Variant = "canary" if version == canary.version else "stable"
            result = RunResult(variant, failed, cost_micro_usd)
            trial = after(canary.trial, result, canary.rollback)
            canary = canary.model_copy(update={"trial": trial})
            broken = any(found.broken for found in findings(trial, canary.rollback))
            if broken:
                self._roll_back(tenant_id, canary)
            else:
                self._canaries.keep(tenant_id, canary)
            return broken

    def _roll_back(self, tenant_id: UUID, canary: Canary) -> None:
        end = {"ended_at": self._clock.now(), "ended_by": _SYSTEM, "end": CanaryEnd.ROLLED_BACK}
        self._canaries.keep(tenant_id, canary.model_copy(update=end))
        told = CanaryRolledBack(
            **_facts(canary),
            stable=canary.trial.stable,
            canary=canary.trial.canary,
            findings=findings(canary.trial, canary.rollback),
        )
        self._canaries.announce(
            tenant_id,
            self._announcer.announcement(
                tenant_id, _SYSTEM, "canary.roll_back", f"agents/{canary.agent}", told
            ),
        )


def view_of(canary: Canary) -> CanaryView:
    """Show a canary as it stands."""
    shown = canary.model_dump(exclude={"agent", "alias", "trial"})
    return CanaryView(
        **shown,
        stable=canary.trial.stable,
        canary=canary.trial.canary,
        findings=findings(canary.trial, canary.rollback),
    )


def _facts(canary: Canary) -> JsonObject:
    return {
        "agent": canary.agent,
        "alias": canary.alias,
        "generation": canary.generation,
        "stable_version": canary.stable_version,
        "canary_version": canary.version,
    }


def _older(run_id: UUID, canary: Canary) -> bool:
    began_ms = made_at_ms(run_id)
    return began_ms is not None and began_ms < int(canary.started_at.timestamp() * 1000)
