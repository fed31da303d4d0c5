"""Writes the journal: what was done and what was decided to do next, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchstack.agent_runtime.driver import announcements
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.loop.decision import (
    CallModel,
    CallTools,
    Command,
    Fail,
    afford,
    decide,
)
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.loop.trace import trace
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Lease, RequestKey, Run
from orchstack.agent_runtime.model.steps import Fault, GuardWork, RunStatus, Step
from orchstack.agent_runtime.ports import Journal, Models, SessionMemory
from orchstack.kernel.chat import MAX_TEXT, Message, MicroDollars, Role
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import OrchStackError
from orchstack.kernel.observability import logger


@dataclass(frozen=True, kw_only=True)
class Scribe:
    """The only writer of a held run's journal."""

    journal: Journal
    models: Models
    packing: Packing
    memory: SessionMemory
    clock: Clock

    def open(self, held: Held, checked: GuardWork, *, key: RequestKey | None) -> bool:
        """Write a new run with the guard's decision on its input and what comes next.

        False if another run has the key; nothing is written then.
        """
        now = self.clock.now()
        done = plan.finished((checked,), state=held.state, since=held.run.created_at, now=now)
        steps = self._settle(held, done, now)
        announcement = announcements.of_start(held.run, steps, now)
        with held.timed("database"):
            opened = self.journal.open(held.run, steps, announcement, key=key, lease=held.lease)
        held.leased = not held.run.over
        return opened

    def record(self, held: Held, done: Sequence[Step], *, lease: Lease) -> Iterator[LiveEvent]:
        """Write what was done and what comes next, then tell it. Raises LeaseLost."""
        now, renewed_at = self.clock.now(), self.clock.monotonic()
        steps = self._settle(held, done, now)
        with held.timed("database"), self.journal.transaction(held.run.tenant_id):
            announcement = announcements.of_steps(held.run, steps, now)
            self.journal.append(held.run, steps, announcement, lease=lease)
            self._remember(held.run)
        held.renewed_at, held.leased = renewed_at, not held.run.over
        if held.run.over:
            _log_end(held.run)
        yield from held.teller.tell(held.run, held.state.steps)

    def _settle(self, held: Held, done: Sequence[Step], now: datetime) -> tuple[Step, ...]:
        """Take in what was done and decide what comes next; gives all that is to be written."""
        state = held.state.apply(*done)
        planned = () if state.pending else self._planned(held, state, now)
        held.state = state.apply(*planned)
        held.run = _progressed(held, now)
        return (*done, *planned)

    def _planned(self, held: Held, state: RunState, now: datetime) -> tuple[Step, ...]:
        command, worst_cost = self._decide(held, state)
        if isinstance(command, CallModel):
            asking = plan.asking(command, model=held.document.model, worst_cost=worst_cost)
            return plan.started((asking,), state=state, run_id=held.run.id, now=now)
        if isinstance(command, CallTools):
            serving = plan.serving(command, permitted=held.document.tools)
            return plan.started(serving, state=state, run_id=held.run.id, now=now)
        return plan.finished(plan.ending(command), state=state, since=now, now=now)

    def _decide(self, held: Held, state: RunState) -> tuple[Command, MicroDollars]:
        """Decide, and let a call of the model pass only if the budget covers its worst case."""
        command = decide(state)
        if not isinstance(command, CallModel):
            return command, 0
        try:
            held.request = self.packing.pack(held, command, state)
            worst_cost = self.models.worst_cost(held.request)
        except OrchStackError as error:
            return Fail(fault=Fault(code=error.code, detail=error.detail)), 0
        return afford(state, command, worst_cost), worst_cost

    def _remember(self, run: Run) -> None:
        if run.session_id is None or run.status is not RunStatus.COMPLETED:
            return
        turns = (
            Message(role=Role.USER, content=run.input),
            Message(role=Role.ASSISTANT, content=run.output[:MAX_TEXT]),
        )
        self.memory.remember(run.tenant_id, run.session_id, run.id, turns)


def _log_end(run: Run) -> None:
    facts = {
        "tenant_id": str(run.tenant_id),
        "run_id": str(run.id),
        "agent": run.agent,
        "version": run.version,
        "status": run.status.value,
        "finish_reason": run.finish_reason,
        "error_code": None if run.fault is None else run.fault.code,
        "cost_micro_usd": run.cost_micro_usd,
        "latency_ms": run.stages.total,
    }
    logger.info("run ended", extra=facts)


def _progressed(held: Held, now: datetime) -> Run:
    """Give the run's record as of the state: totals, and the end if there is one."""
    state = held.state
    totals = {
        "usage": state.usage,
        "cost_micro_usd": state.cost,
        "step_count": state.step_count,
        "stages": held.stages((now - held.run.created_at).total_seconds() * 1000),
    }
    end = state.end
    if end is None:
        return held.run.model_copy(update=totals)
    ended = {
        "status": end.status,
        "finish_reason": end.reason,
        "output": end.output,
        "fault": end.fault,
        "finished_at": now,
    }
    run = held.run.model_copy(update={**totals, **ended})
    spans = tuple(span.as_data() for span in trace(run, state.steps, now))
    return run.model_copy(update={"spans": spans})
