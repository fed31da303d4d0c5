"""Starts runs, finds them again by their key, and carries them on."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.driver import Held, RunDriver
from orchstack.agent_runtime.model.events import Answering
from orchstack.agent_runtime.model.runs import Ask, RequestKey, Run, Stages
from orchstack.agent_runtime.model.steps import GuardOutcome, GuardStage, GuardWork
from orchstack.agent_runtime.ports import World
from orchstack.kernel.agents import EffectiveAgent, GuardPolicy
from orchstack.kernel.chat import Message
from orchstack.kernel.errors import ContentBlocked, IdempotencyKeyReused, RequestInFlight
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal


class AgentRuntime:
    """Runs agents: what was begun is carried on to its end, by one driver or by several in turn."""

    def __init__(self, world: World, driver: RunDriver) -> None:
        """Take what runs touch, and what carries them on."""
        self._world = world
        self._driver = driver

    def start(
        self, principal: Principal, ask: Ask, *, key: RequestKey | None, deadline: float
    ) -> Answering:
        """Begin a run, or find the one that an earlier request with the same key began.

        A run that its driver has left is taken over and carried on from its journal. `deadline` is
        Unix time in seconds. Raises NotFound, PayloadTooLarge (nothing of the request remains),
        IdempotencyKeyReused, and RequestInFlight while another driver holds the run.
        """
        with self._world.journal.transaction(principal.tenant_id):
            earlier = self._earlier(principal.tenant_id, key)
            if earlier is None:
                return self._answering(self._begin(principal, ask, key), deadline)
        held = self._driver.take(earlier.tenant_id, earlier.id)
        return self._answering(held, deadline, replayed=True)

    def advance(self, tenant_id: UUID, run_id: UUID, *, deadline: float) -> Run:
        """Carry out the next command of a run; of one that is over, nothing.

        Raises NotFound, and RequestInFlight while another driver holds the run.
        """
        return self._driver.advance(self._driver.take(tenant_id, run_id), deadline=deadline)

    def _answering(self, held: Held, deadline: float, *, replayed: bool = False) -> Answering:
        events = self._driver.drive(held, deadline=deadline)
        return Answering(run_id=held.run.id, events=events, replayed=replayed)

    def _earlier(self, tenant_id: UUID, key: RequestKey | None) -> Run | None:
        """Find the run that the key began, if it can be had now."""
        known = None if key is None else self._world.journal.find_key(tenant_id, key.key)
        if key is None or known is None:
            return None
        if known.request_hash != key.request_hash:
            raise IdempotencyKeyReused
        if not known.run.over and known.lease_s > 0:
            raise RequestInFlight(retry_after_s=known.lease_s)
        return known.run

    def _begin(self, principal: Principal, ask: Ask, key: RequestKey | None) -> Held:
        clock = self._world.clock
        received, began = clock.now(), clock.monotonic()
        agent = self._world.agents.effective(principal.tenant_id, ask.agent, ask.version)
        found = clock.monotonic()
        text, decision = self._check(ask.text, agent.document.guards)
        checked = clock.monotonic()
        run = Run(
            tenant_id=principal.tenant_id,
            id=new_id(),
            agent=agent.name,
            version=agent.version,
            key_id=principal.key_id,
            trace_id=ask.trace_id,
            mode=ask.mode,
            session_id=ask.session_id,
            metadata=ask.metadata,
            input=text,
            history=self._history(principal.tenant_id, ask, agent),
            stages=Stages(router=_ms(began, found), guard=_ms(found, checked)),
            created_at=received,
        )
        held = self._driver.open(run, agent.document, decision, key=key)
        if held is None:
            # Another request began a run with this key since we looked.
            self._earlier(principal.tenant_id, key)
            raise RequestInFlight(retry_after_s=1)
        return held

    def _check(self, text: str, policy: GuardPolicy) -> tuple[str, GuardWork]:
        """Give what may be kept of the input, and the guard's decision. Raises PayloadTooLarge."""
        try:
            checked = self._world.guards.check_input(text, policy)
        except ContentBlocked as block:
            blocked = GuardOutcome.BLOCKED
            return "", GuardWork(stage=GuardStage.INPUT, outcome=blocked, detail=block.detail)
        findings = dict(checked.findings)
        outcome = GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED
        return checked.text, GuardWork(stage=GuardStage.INPUT, outcome=outcome, findings=findings)

    def _history(self, tenant_id: UUID, ask: Ask, agent: EffectiveAgent) -> tuple[Message, ...]:
        limit = agent.document.history_messages
        if ask.session_id is None or limit == 0:
            return ()
        return self._world.memory.recall(tenant_id, ask.session_id, limit)


def _ms(began: float, ended: float) -> float:
    return round((ended - began) * 1000, 3)
