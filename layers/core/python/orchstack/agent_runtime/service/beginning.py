"""Keeps a new run: its agent, its input past the guard, its place in its session."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.agent_runtime.driver import Held, RunDriver
from orchstack.agent_runtime.model.runs import Ask, Mode, RequestKey, Run, Stages
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports import World
from orchstack.agent_runtime.service.receiving import Receiver
from orchstack.kernel.agents import EffectiveAgent
from orchstack.kernel.errors import SessionBusy
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Makes runs of what is asked, in the transaction that is open."""

    world: World
    driver: RunDriver

    def begin(self, principal: Principal, ask: Ask, key: RequestKey | None) -> Held | None:
        """Keep a run, queued or begun; None if another run has the key.

        Raises NotFound, PayloadTooLarge, UnreadableAttachment, and SessionBusy where the agent's
        policy wants it so.
        """
        clock, run_id = self.world.clock, new_id()
        received, began = clock.now(), clock.monotonic()
        agent = self.world.agents.effective(
            principal.tenant_id, ask.agent, ask.version, sticky=str(ask.session_id or run_id)
        )
        found = clock.monotonic()
        taken = self._receiver.receive(
            principal.tenant_id, ask.text, ask.attachments, agent.document.guards
        )
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
            input=taken.text,
            attachments=taken.attachments,
            status=self._status(principal, ask, agent),
            stages=Stages(router=_ms(began, found), guard=_ms(found, checked)),
            created_at=received,
        )
        return self.driver.open(run, agent.document, taken.decision, key=key)

    @property
    def _receiver(self) -> Receiver:
        world = self.world
        return Receiver(guards=world.guards, blobs=world.blobs, documents=world.documents)

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
