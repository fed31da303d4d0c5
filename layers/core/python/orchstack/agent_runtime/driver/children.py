"""Agents as tools: another agent's run, begun once for a step and carried on until it is over."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from orchstack.agent_runtime.driver.casting import sticky_of
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.loop.rules import refusal, unknown
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Parent, RequestKey, Run
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardStage,
    GuardWork,
    RunStatus,
    Step,
    ToolWork,
)
from orchstack.agent_runtime.ports import World
from orchstack.kernel.agents import AgentDocument, GuardPolicy, RunLimits
from orchstack.kernel.errors import (
    Conflict,
    DeadlineExceeded,
    NotFound,
    OrchStackError,
    RequestInFlight,
    Unavailable,
)
from orchstack.kernel.ids import new_id

# How soon to look again whether a child that somebody else carries on is over.
_POLL_S: Final = 0.25


class Driver(Protocol):
    """Carries runs on."""

    def open(
        self, run: Run, document: AgentDocument, checked: GuardWork, *, key: RequestKey | None
    ) -> Held | None:
        """Begin a run, in the transaction that is open; None if another run has the key."""

    def take(self, tenant_id: UUID, run_id: UUID) -> Held:
        """Take over a run that nobody drives. Raises NotFound, RequestInFlight."""

    def drive(self, held: Held, *, deadline: float) -> Generator[LiveEvent, None, Run]:
        """Carry a run on until it is over. Raises DeadlineExceeded."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a step asks of another agent, and what the run that asks may let it use."""

    run: Run
    step: Step
    work: ToolWork
    agent: str
    chain: tuple[str, ...]
    depth: int
    left: RunLimits

    @classmethod
    def of(cls, held: Held, step: Step, work: ToolWork, now: float) -> Asked:
        """Read it from a held run; what is left of its limits is shared with its other children."""
        state = held.state
        return cls(
            run=held.run,
            step=step,
            work=work,
            agent=state.rules.asks[work.call.name],
            chain=state.chain,
            depth=state.depth + 1,
            left=_left(state, max(1, int(held.ends_at - now))),
        )

    @property
    def key(self) -> RequestKey:
        """Names the child: one for a step, however often it is asked for."""
        words = self.work.call.model_dump_json()
        return RequestKey(
            key=self.step.idempotency_key or f"{self.run.id}:{self.step.seq}",
            request_hash=hashlib.sha256(words.encode()).hexdigest(),
        )

    @property
    def input(self) -> str:
        """What the agent is asked."""
        words = self.work.call.arguments.get("input")
        return words.strip() if isinstance(words, str) else ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a tool said; `child` is the run of the agent that served as the tool."""

    content: str
    is_error: bool = False
    child: Run | None = None


@dataclass(frozen=True, kw_only=True)
class Children:
    """Runs the agents that serve as tools."""

    world: World
    driver: Driver

    def ask(self, asked: Asked, *, deadline: float) -> Answer:
        """Give the agent's answer; a refusal is one too.

        Works in a thread of its own, which closes what it opened. Raises DeadlineExceeded and
        Unavailable: the child stands as it is, and the same step finds it again.
        """
        try:
            return self._ask(asked, deadline)
        finally:
            self.world.hang_up()

    def _ask(self, asked: Asked, deadline: float) -> Answer:
        max_depth = asked.left.max_depth
        refused = refusal(asked.agent, asked.chain, deeper=asked.depth, max_depth=max_depth)
        if refused is None and not asked.input:
            refused = f"{asked.work.call.name} needs `input`, a text that says what to do."
        if refused is not None:
            return Answer(content=refused, is_error=True)
        try:
            return _answer(self._carried_on(asked, deadline))
        except (DeadlineExceeded, Unavailable, Conflict):
            raise
        except NotFound:
            return Answer(content=unknown(asked.agent), is_error=True)
        except OrchStackError as error:
            # Its guards, the size of its context, or a tool that is gone.
            return Answer(content=f"{asked.agent} was not asked: {error.detail}", is_error=True)

    def _carried_on(self, asked: Asked, deadline: float) -> Run:
        while True:
            try:
                held = self._held(asked)
                for _ in self.driver.drive(held, deadline=deadline):
                    pass
            except RequestInFlight as busy:
                # The driver of an earlier attempt, or a sweeper, still has it.
                self._wait(busy, deadline)
            else:
                return held.run

    def _held(self, asked: Asked) -> Held:
        """Begin the child, or take over the one that the step has begun before."""
        tenant_id, journal = asked.run.tenant_id, self.world.journal
        with journal.transaction(tenant_id):
            known = journal.find_key(tenant_id, asked.key.key)
            held = self._begun(asked) if known is None else None
        if held is not None:
            return held
        if known is None:
            raise RequestInFlight(retry_after_s=_POLL_S)
        return self.driver.take(tenant_id, known.run.id)

    def _begun(self, asked: Asked) -> Held | None:
        run, clock = asked.run, self.world.clock
        agent = self.world.agents.effective(run.tenant_id, asked.agent, None, sticky=sticky_of(run))
        text, checked = self._checked(asked.input, agent.document.guards)
        now = clock.now()
        child = Run(
            tenant_id=run.tenant_id,
            id=new_id(),
            agent=agent.name,
            version=agent.version,
            variant=agent.variant,
            key_id=run.key_id,
            trace_id=run.trace_id,
            mode=run.mode,
            parent=Parent(
                run_id=run.id,
                step=asked.step.seq,
                depth=asked.depth,
                agents=asked.chain,
                limits=asked.left,
            ),
            input=text,
            created_at=now,
            begun_at=now,
        )
        return self.driver.open(child, agent.document, checked, key=asked.key)

    def _checked(self, text: str, policy: GuardPolicy) -> tuple[str, GuardWork]:
        checked = self.world.guards.check_input(text, policy)
        findings = dict(checked.findings)
        outcome = GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED
        return checked.text, GuardWork(stage=GuardStage.INPUT, outcome=outcome, findings=findings)

    def _wait(self, busy: RequestInFlight, deadline: float) -> None:
        if self.world.clock.now().timestamp() + _POLL_S >= deadline:
            raise DeadlineExceeded from busy
        self.world.pause(_POLL_S)


def _answer(child: Run) -> Answer:
    if child.status is RunStatus.COMPLETED:
        return Answer(content=child.output, child=child)
    why = child.fault.detail if child.fault is not None else "It was cancelled."
    return Answer(content=f"{child.agent} gave no answer: {why}", is_error=True, child=child)


def _left(state: RunState, seconds: int) -> RunLimits:
    """Share what is left among the agents that this one asks at once: together they keep to it."""
    limits = state.limits
    asked = [
        step
        for step in state.pending
        if isinstance(step.work, ToolWork) and step.work.call.name in state.rules.asks
    ]
    shares = max(1, len(asked))
    return limits.model_copy(
        update={
            "max_total_tokens": max(1, (limits.max_total_tokens - state.usage.total) // shares),
            "max_cost_micro_usd": max(0, (limits.max_cost_micro_usd - state.committed) // shares),
            "max_seconds": seconds,
        }
    )
