"""Writes the journal: what was done and what was decided to do next, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from orchstack.agent_runtime.driver import announcements
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.driver.waiting import question_of
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.loop.decision import (
    AskHuman,
    CallModel,
    CallTools,
    Command,
    Fail,
    afford,
    cancel,
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
        """Write a new run with the guard's decision on its input, and what comes next if it begins.

        False if another run has the key; nothing is written then.
        """
        now = self.clock.now()
        if held.run.status is not RunStatus.QUEUED:
            held.run = self._begun(held, held.run.created_at)
        done = plan.finished((checked,), state=held.state, since=held.run.created_at, now=now)
        steps = self._settle(held, done, now)
        announcement = announcements.of_start(held.run, steps, now)
        held.leased = held.run.status is RunStatus.RUNNING
        lease = held.lease if held.leased else None
        with held.timed("database"):
            return self.journal.open(held.run, steps, announcement, key=key, lease=lease)

    def begin(self, held: Held) -> None:
        """Let a run leave the queue, and write what comes first. Joins the open transaction."""
        now = self.clock.now()
        held.run = self._begun(held, now)
        held.state = replace(held.state, started_at=now)
        steps = self._settle(held, (), now)
        announcement = announcements.of_steps(held.run, steps, now)
        with held.timed("database"):
            held.cancel_requested |= self.journal.append(
                held.run, steps, announcement, lease=held.lease, with_history=True
            )
        held.leased = not held.run.over

    def record(self, held: Held, done: Sequence[Step], *, lease: Lease) -> Iterator[LiveEvent]:
        """Write what was done and what comes next, then tell it. Raises LeaseLost."""
        now, renewed_at = self.clock.now(), self.clock.monotonic()
        steps = self._settle(held, done, now)
        asked = question_of(held)
        # Nobody holds a run while a human is asked.
        lease = lease if asked is None else replace(lease, seconds=0)
        wake_at = None if asked is None else asked.expires_at
        with held.timed("database"), self.journal.transaction(held.run.tenant_id):
            announcement = announcements.of_steps(held.run, steps, now)
            held.cancel_requested |= self.journal.append(
                held.run, steps, announcement, lease=lease, wake_at=wake_at
            )
            self._remember(held.run)
        held.renewed_at, held.leased = renewed_at, asked is None and not held.run.over
        if held.run.over:
            _log_end(held.run)
        yield from held.teller.tell(held.run, held.state.steps)

    def _settle(self, held: Held, done: Sequence[Step], now: datetime) -> tuple[Step, ...]:
        """Take in what was done and decide what comes next; gives all that is to be written."""
        state = held.state.apply(*done)
        if held.cancel_requested and state.end is None:
            left = plan.abandoned(state.pending, now)
            done, state = (*done, *left), state.apply(*left)
        planned = () if state.pending or _queued(held, state) else self._planned(held, state, now)
        held.state = state.apply(*planned)
        held.run = _progressed(held, now)
        return (*done, *planned)

    def _planned(self, held: Held, state: RunState, now: datetime) -> tuple[Step, ...]:
        command, worst_cost = self._decide(held, state)
        if isinstance(command, AskHuman):
            waiting = plan.waiting(command, limits=state.limits, now=now)
            return plan.started((waiting,), state=state, run_id=held.run.id, now=now)
        if isinstance(command, CallModel):
            asking = plan.asking(command, model=held.document.model, worst_cost=worst_cost)
            return plan.started((asking,), state=state, run_id=held.run.id, now=now)
        if isinstance(command, CallTools):
            serving = plan.serving(command, permitted=held.document.tools)
            return plan.started(serving, state=state, run_id=held.run.id, now=now)
        return plan.finished(plan.ending(command), state=state, since=now, now=now)

    def _decide(self, held: Held, state: RunState) -> tuple[Command, MicroDollars]:
        """Decide, and let a call of the model pass only if the budget covers its worst case."""
        command = cancel(state) if held.cancel_requested and not state.end else decide(state)
        if not isinstance(command, CallModel):
            return command, 0
        try:
            held.request = self.packing.pack(held, command, state)
            worst_cost = self.models.worst_cost(held.request)
        except OrchStackError as error:
            return Fail(fault=Fault(code=error.code, detail=error.detail)), 0
        return afford(state, command, worst_cost), worst_cost

    def _begun(self, held: Held, now: datetime) -> Run:
        run, limit = held.run, held.document.history_messages
        history: tuple[Message, ...] = ()
        if run.session_id is not None and limit:
            history = self.memory.recall(run.tenant_id, run.session_id, limit)
        begun = {"status": RunStatus.RUNNING, "begun_at": now, "history": history}
        return run.model_copy(update=begun)

    def _remember(self, run: Run) -> None:
        if run.session_id is None or run.status is not RunStatus.COMPLETED:
            return
        turns = (
            Message(role=Role.USER, content=run.input),
            Message(role=Role.ASSISTANT, content=run.output[:MAX_TEXT]),
        )
        self.memory.remember(run.tenant_id, run.session_id, run.id, turns)


def _queued(held: Held, state: RunState) -> bool:
    """Whether a run does not begin yet; one whose input was blocked never does."""
    return held.run.status is RunStatus.QUEUED and state.block is None


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
    end, asked = state.end, question_of(held)
    if end is None and held.run.status is RunStatus.QUEUED:
        return held.run.model_copy(update=totals)
    if end is None:
        status = RunStatus.RUNNING if asked is None else RunStatus.WAITING
        question = None if asked is None else asked.question
        return held.run.model_copy(update={**totals, "status": status, "question": question})
    ended = {
        "status": end.status,
        "question": None,
        "finish_reason": end.reason,
        "output": end.output,
        "fault": end.fault,
        "finished_at": now,
    }
    run = held.run.model_copy(update={**totals, **ended})
    spans = tuple(span.as_data() for span in trace(run, state.steps, now))
    return run.model_copy(update={"spans": spans})
