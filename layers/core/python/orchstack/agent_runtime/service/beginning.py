"""Keeps a new run: its agent, its input past the guard, its place in its session."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.agent_runtime.driver import Held, RunDriver
from orchstack.agent_runtime.model.runs import Ask, Mode, RequestKey, Run, Stages
from orchstack.agent_runtime.model.steps import GuardOutcome, GuardStage, GuardWork, RunStatus
from orchstack.agent_runtime.ports import World
from orchstack.kernel.agents import EffectiveAgent, GuardPolicy
from orchstack.kernel.errors import ContentBlocked, SessionBusy
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Makes runs of what is asked, in the transaction that is open."""

    world: World
    driver: RunDriver

    def begin(self, principal: Principal, ask: Ask, key: RequestKey | None) -> Held | None:
        """Keep a run, queued or begun; None if another run has the key.

        Raises NotFound, PayloadTooLarge, and SessionBusy where the agent's policy wants it so.
        """
        clock, run_id = self.world.clock, new_id()
        received, began = clock.now(), clock.monotonic()
        agent = self.world.agents.effective(
            principal.tenant_id, ask.agent, ask.version, sticky=str(ask.session_id or run_id)
        )
        found = clock.monotonic()
        text, decision = self._check(ask.text, agent.document.guards)
        checked = clock.monotonic()
        run = Run(
            tenant_id=principal.tenant_id,
            id=run_id,
            agent=agent.name,
            version=agent.version,
            variant=agent.variant,
            key_id=principal.key_id,
            trace_id=ask.trace_id,
            mode=ask.mode,
            session_id=ask.session_id,
            metadata=ask.metadata,
            input=text,
            status=self._status(principal, ask, agent),
            stages=Stages(router=_ms(began, found), guard=_ms(found, checked)),
            created_at=received,
        )
        return self.driver.open(run, agent.document, decision, key=key)

    def _check(self, text: str, policy: GuardPolicy) -> tuple[str, GuardWork]:
        """Give what may be kept of the input, and the guard's decision. Raises PayloadTooLarge."""
        try:
            checked = self.world.guards.check_input(text, policy)
        except ContentBlocked as block:
            blocked = GuardOutcome.BLOCKED
            return "", GuardWork(stage=GuardStage.INPUT, outcome=blocked, detail=block.detail)
        findings = dict(checked.findings)
        outcome = GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED
        return checked.text, GuardWork(stage=GuardStage.INPUT, outcome=outcome, findings=findings)

    def _status(self, principal: Principal, ask: Ask, agent: EffectiveAgent) -> RunStatus:
        """Decide whether a run begins now: in its session one goes after the other."""
        later = RunStatus.QUEUED if ask.mode is Mode.BACKGROUND else RunStatus.RUNNING
        if ask.session_id is None:
            return later
        busy = self.world.journal.active_in_session(principal.tenant_id, ask.session_id, agent.name)
        if busy is None:
            return later
        if agent.document.session_policy == "refuse":
            raise SessionBusy.with_run(busy)
        return RunStatus.QUEUED


def _ms(began: float, ended: float) -> float:
    return round((ended - began) * 1000, 3)
