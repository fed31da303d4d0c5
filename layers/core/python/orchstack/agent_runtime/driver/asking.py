"""Calls the model and lets its words out as they come, past the output guard."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.lease import LeaseKeeper
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.driver.text import storable, storable_call
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.steps import (
    Fault,
    GuardOutcome,
    GuardStage,
    GuardWork,
    Step,
    StepStatus,
)
from orchstack.agent_runtime.ports import Guards, Models, OutputFilter
from orchstack.kernel.chat import ChatEvent, Completion, TextDelta
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import ContentBlocked, DeadlineExceeded, OrchStackError


@dataclass(kw_only=True)
class _Speech:
    """What the model has said, as it went out."""

    filter: OutputFilter
    since: datetime
    pieces: list[str] = field(default_factory=list)
    blocked: str | None = None
    completion: Completion | None = None
    fault: Fault | None = None

    @property
    def text(self) -> str:
        """All that went out."""
        return "".join(self.pieces)

    def take(self, delta: str | None) -> str:
        """Give what may go out after a piece, or at the end (None); nothing once it was blocked."""
        if self.blocked is not None:
            return ""
        try:
            piece = self.filter.finish() if delta is None else self.filter.feed(storable(delta))
        except ContentBlocked as block:
            self.blocked = block.detail
            return ""
        if piece:
            self.pieces.append(piece)
        return piece


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Carries out a call of the model."""

    models: Models
    guards: Guards
    packing: Packing
    lease: LeaseKeeper
    clock: Clock

    def ask(
        self, held: Held, step: Step, *, deadline: float
    ) -> Generator[LiveEvent, None, tuple[Step, ...]]:
        """Tell the words as they come; gives the finished step and the output guard's decision.

        A fault of the model is a result. Raises LeaseLost, and DeadlineExceeded if the function's
        time is over before the run's own is.
        """
        policy = held.document.guards
        speech = _Speech(filter=self.guards.output_filter(policy), since=self.clock.now())
        for delta in self._deltas(held, speech, deadline):
            with held.timed("guard"):
                piece = speech.take(delta)
            self.lease.keep(held)
            if piece:
                yield held.teller.piece(step, piece)
        return self._written(held, step, speech)

    def _deltas(self, held: Held, speech: _Speech, deadline: float) -> Iterator[str | None]:
        """Give the pieces of text as the model sends them, and None at the end."""
        events = self._events(held, min(deadline, held.ends_at))
        while (event := self._next(held, events, speech)) is not None:
            if isinstance(event, TextDelta):
                yield event.text
            else:
                speech.completion = event
        yield None

    def _events(self, held: Held, until: float) -> Iterator[ChatEvent]:
        request = held.request or self.packing.again(held)
        yield from self.models.stream(held.run.tenant_id, request, deadline=until)

    def _next(self, held: Held, events: Iterator[ChatEvent], speech: _Speech) -> ChatEvent | None:
        # An answer that the guard blocked is read to its end all the same: there stands its cost.
        try:
            with held.timed("model"):
                return next(events, None)
        except DeadlineExceeded as error:
            if self.clock.now().timestamp() < held.ends_at:
                raise
            speech.fault = Fault(code=error.code, detail=error.detail)
        except OrchStackError as error:
            speech.fault = Fault(code=error.code, detail=error.detail)
        return None

    def _written(self, held: Held, step: Step, speech: _Speech) -> tuple[Step, ...]:
        now = self.clock.now()
        done = _finished(step, speech, now)
        if held.document.guards.pii_output == "off" or not (speech.text or speech.blocked):
            return (done,)
        decided = plan.finished(
            (_decision(step, speech),), state=held.state, since=speech.since, now=now
        )
        return (done, *decided)


def _finished(step: Step, speech: _Speech, now: datetime) -> Step:
    said = {
        "text": speech.text,
        "pieces": tuple(len(piece) for piece in speech.pieces),
        "fault": speech.fault,
    }
    end = {"status": StepStatus.FINISHED, "started_at": speech.since, "finished_at": now}
    completion = speech.completion
    if completion is None:
        return step.model_copy(update={**end, "work": step.work.model_copy(update=said)})
    calls = completion.message.tool_calls
    whole = {
        "tool_calls": tuple(storable_call(call) for call in calls),
        "provider": completion.provider,
        "served_by": completion.model,
        "finish_reason": completion.finish_reason,
    }
    used = {"usage": completion.usage, "cost_micro_usd": completion.cost}
    work = step.work.model_copy(update={**said, **whole})
    return step.model_copy(update={**end, **used, "work": work})


def _decision(step: Step, speech: _Speech) -> GuardWork:
    findings = dict(speech.filter.findings)
    if speech.blocked is not None:
        outcome = GuardOutcome.BLOCKED
    else:
        outcome = GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED
    return GuardWork(
        stage=GuardStage.OUTPUT,
        outcome=outcome,
        findings=findings,
        concerns=step.seq,
        detail=speech.blocked or "",
    )
