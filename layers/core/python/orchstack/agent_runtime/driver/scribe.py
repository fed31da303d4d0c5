"""Writes the journal: what was done and what was decided to do next, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from orchstack.agent_runtime.driver import announcements
from orchstack.agent_runtime.driver.casting import Casting
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.driver.screening import Screening
from orchstack.agent_runtime.driver.waiting import question_of
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.loop.decision import (
    AskHuman,
    CallModel,
    CallTools,
    Command,
    Fail,
    Finish,
    HandOff,
    afford,
    cancel,
    decide,
    give_up,
)
from orchstack.agent_runtime.loop.poison import poison
from orchstack.agent_runtime.loop.rules import Rules
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.loop.trace import trace
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Lease, RequestKey, Run
from orchstack.agent_runtime.model.steps import Fault, GuardWork, RunStatus, Step, Work
from orchstack.agent_runtime.ports import Journal, Models, SessionMemory
from orchstack.kernel.chat import MAX_TEXT, Message, MicroDollars, Role
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import OrchStackError
from orchstack.kernel.events import Announcement
from orchstack.kernel.observability import logger


@dataclass(frozen=True, kw_only=True)
class Scribe:
    """The only writer of a held run's journal."""

    journal: Journal
    models: Models
    packing: Packing
    memory: SessionMemory
    casting: Casting
    screening: Screening
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
        return self._opened(held, steps, announcement, key)

    def fork(self, held: Held, fresh: Sequence[Step], *, key: RequestKey | None) -> bool:
        """Write a new run with the steps that it takes over, which are held, and what comes next.

        Of those steps `fresh` are not as they were. False if another run has the key.
        """
        now = self.clock.now()
        if held.run.status is not RunStatus.QUEUED:
            begun = {"status": RunStatus.RUNNING, "begun_at": held.run.created_at}
            held.run = held.run.model_copy(update=begun)
        taken = held.state.steps
        planned = self._settle(held, (), now)
        announcement = announcements.of_start(held.run, (*fresh, *planned), now)
        return self._opened(held, (*taken, *planned), announcement, key)

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
            self.packing.keep(held)
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
            self.packing.keep(held)
            self.packing.learn(held.run, done)
            self._remember(held.run)
        held.tries = 1
        held.renewed_at, held.leased = renewed_at, asked is None and not held.run.over
        if held.run.over:
            _log_end(held.run)
        yield from held.teller.tell(held.run, held.state.steps)

    def _opened(
        self,
        held: Held,
        steps: Sequence[Step],
        announcement: Announcement,
        key: RequestKey | None,
    ) -> bool:
        held.leased = held.run.status is RunStatus.RUNNING
        lease = held.lease if held.leased else None
        with held.timed("database"):
            opened = self.journal.open(held.run, steps, announcement, key=key, lease=lease)
            if opened:
                self.packing.keep(held)
        return opened

    def _settle(self, held: Held, done: Sequence[Step], now: datetime) -> tuple[Step, ...]:
        """Take in what was done and decide what comes next; gives all that is to be written."""
        state = held.state.apply(*done)
        if (held.cancel_requested or held.hopeless) and state.end is None:
            why = plan.CANCELLED if held.cancel_requested else poison(state, held.tries - 1)
            left = plan.abandoned(state.pending, now, why)
            done, state = (*done, *left), state.apply(*left)
        planned: tuple[Step, ...] = ()
        if not state.pending and not _queued(held, state):
            planned, state = self._planned(held, state, now)
        held.state = state
        held.run = _progressed(held, now)
        return (*done, *planned)

    def _planned(
        self, held: Held, state: RunState, now: datetime
    ) -> tuple[tuple[Step, ...], RunState]:
        """Decide until something has to be done outside, or the run is over; gives the state too.

        Other agents take over meanwhile: to look one up is all that it takes.
        """
        handed: tuple[Step, ...] = ()
        command, worst_cost = self._decide(held, state)
        while isinstance(command, HandOff):
            work, state = self.casting.hand_over(held, command, state)
            steps = plan.finished((work,), state=state, since=now, now=now)
            handed, state = (*handed, *steps), state.apply(*steps)
            command, worst_cost = self._decide(held, state)
        planned = self._steps(held, command, worst_cost, state, now)
        return (*handed, *planned), state.apply(*planned)

    def _steps(
        self,
        held: Held,
        command: Command,
        worst_cost: MicroDollars,
        state: RunState,
        now: datetime,
    ) -> tuple[Step, ...]:
        if isinstance(command, Finish | Fail):
            return plan.finished(plan.ending(command), state=state, since=now, now=now)
        works = self._works(held, command, worst_cost, now)
        return plan.started(works, state=state, run_id=held.run.id, now=now)

    def _works(
        self, held: Held, command: Command, worst_cost: MicroDollars, now: datetime
    ) -> tuple[Work, ...]:
        match command:
            case CallModel():
                asking = plan.asking(
                    command,
                    model=held.document.model,
                    worst_cost=worst_cost,
                    context=held.manifest,
                )
                return (asking,)
            case CallTools():
                screened = self.screening.screen(command, held.document.guards)
                permitted = Rules.of(held.document).permitted
                return plan.serving(command, permitted=permitted, screened=screened)
            case AskHuman():
                return (plan.waiting(command, limits=held.state.limits, now=now),)
            case _:
                raise TypeError(f"{command} begins no step")

    def _decide(self, held: Held, state: RunState) -> tuple[Command, MicroDollars]:
        """Decide, and let a call of the model pass only if the budget covers its worst case."""
        command = _outside(held, state) or decide(state)
        if not isinstance(command, CallModel):
            return command, 0
        try:
            held.request = self.packing.pack(held, command, state)
            worst_cost = self.models.worst_cost(held.request)
        except OrchStackError as error:
            fault = Fault(code=error.code, detail=error.detail)
            return Fail(fault=fault, unasked=True), 0
        return afford(state, command, worst_cost), worst_cost

    def _begun(self, held: Held, now: datetime) -> Run:
        run, limit = held.run, held.document.history_messages
        # A fork has that of the run it was forked from.
        history = run.history
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


def _outside(held: Held, state: RunState) -> Command | None:
    """Give the end of a run that does not come from its own state."""
    if state.end is not None:
        return None
    if held.cancel_requested:
        return cancel(state)
    return give_up(state, poison(held.state, held.tries - 1)) if held.hopeless else None


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
        "structured": end.structured,
        "fault": end.fault,
        "finished_at": now,
    }
    run = held.run.model_copy(update={**totals, **ended})
    spans = tuple(span.as_data() for span in trace(run, state.steps, now))
    return run.model_copy(update={"spans": spans})
