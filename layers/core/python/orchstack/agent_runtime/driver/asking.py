"""Calls the model and lets its words out as they come, past the output guard."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.driver import judging
from orchstack.agent_runtime.driver.attending import Attending
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.driver.text import storable, storable_call
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import LeaseLost
from orchstack.agent_runtime.model.steps import (
    Fault,
    FinishReason,
    GuardOutcome,
    GuardStage,
    GuardWork,
    ModelWork,
    Step,
    StepStatus,
)
from orchstack.agent_runtime.ports import Guards, Journal, Models, OutputFilter
from orchstack.kernel.chat import ChatEvent, ChatRequest, Completion, TextDelta
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import (
    ContentBlocked,
    DeadlineExceeded,
    OrchStackError,
    Unavailable,
)


@dataclass(kw_only=True)
class _Speech:
    """What the model has said, as it went out."""

    filter: OutputFilter
    since: datetime
    pieces: list[str] = field(default_factory=list)
    blocked: str | None = None
    completion: Completion | None = None
    fault: Fault | None = None
    # How many pieces are written down already.
    noted: int = 0

    @property
    def text(self) -> str:
        """All that went out."""
        return "".join(self.pieces)

    @property
    def said(self) -> dict[str, Any]:
        """What a step says of it."""
        return {"text": self.text, "pieces": tuple(len(piece) for piece in self.pieces)}

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

    def progress(self, step: Step) -> Step | None:
        """Give the step as far as it has come, if that is further than when it was last asked."""
        if self.noted == len(self.pieces):
            return None
        self.noted = len(self.pieces)
        return step.model_copy(update={"work": step.work.model_copy(update=self.said)})


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Carries out a call of the model."""

    models: Models
    guards: Guards
    packing: Packing
    journal: Journal
    attending: Attending
    clock: Clock

    def ask(
        self, held: Held, step: Step, *, deadline: float
    ) -> Generator[LiveEvent, None, tuple[Step, ...]]:
        """Tell the words as they come; gives the finished step and the output guard's decision.

        A fault of the model is a result. If the run is to be cancelled, the words so far are the
        step's text. Raises LeaseLost, and DeadlineExceeded if the function's time is over before
        the run's own is.
        """
        if held.tries > 1:
            # Whoever began the call died before its answer was written down.
            step = self._lost(held, step)
            yield from held.teller.tell(held.run, held.state.steps)
        speech = _Speech(
            filter=self.guards.output_filter(held.document.guards), since=self.clock.now()
        )
        speech.fault = _unaffordable(held, step)
        try:
            for delta in self._deltas(held, step, speech, deadline):
                with held.timed("guard"):
                    piece = speech.take(delta)
                if piece:
                    yield held.teller.piece(step, piece)
        except (DeadlineExceeded, GeneratorExit):
            held.lost_unnoted = True
            with suppress(LeaseLost, Unavailable):
                self._lost(held, step)
                held.lost_unnoted = False
            raise
        return self._written(held, step, speech)

    def _lost(self, held: Held, step: Step) -> Step:
        """Write down that the call has to be made again. Raises LeaseLost, Unavailable."""
        anew = plan.again(step)
        with held.timed("database"), self.journal.transaction(held.run.tenant_id):
            held.cancel_requested |= self.journal.note(held.run, anew, held.lease)
        held.state = held.state.apply(anew)
        return anew

    def _deltas(
        self, held: Held, step: Step, speech: _Speech, deadline: float
    ) -> Iterator[str | None]:
        """Give the pieces of text as the model sends them, and None at the end."""
        # An answer that the guard blocked is read to its end all the same: there stands its cost.
        try:
            for event in self._events(held, step, speech, min(deadline, held.ends_at)):
                if isinstance(event, TextDelta):
                    yield event.text
                else:
                    speech.completion = event
        except LeaseLost:
            raise
        except DeadlineExceeded as error:
            if self.clock.now().timestamp() < held.ends_at:
                raise
            speech.fault = Fault(code=error.code, detail=error.detail)
        except OrchStackError as error:
            speech.fault = Fault(code=error.code, detail=error.detail)
        yield None

    def _events(self, held: Held, step: Step, speech: _Speech, until: float) -> Iterator[ChatEvent]:
        if speech.fault is not None:
            return
        request = held.request or self.packing.again(held)
        answer = self._answer(held.run.tenant_id, request, until)
        with closing(
            self.attending.attend(
                held, answer, stage="model", progress=lambda: speech.progress(step)
            )
        ) as events:
            yield from events

    def _answer(
        self, tenant_id: UUID, request: ChatRequest, until: float
    ) -> Generator[ChatEvent, None, None]:
        yield from self.models.stream(tenant_id, request, deadline=until)

    def _written(self, held: Held, step: Step, speech: _Speech) -> tuple[Step, ...]:
        now = self.clock.now()
        done = _finished(step, speech, now)
        if speech.completion is None and held.cancel_requested:
            # Whoever is cut short may send a bill all the same.
            done = _with_lost(done)
        decisions = _decisions(held, done, speech)
        decided = plan.finished(decisions, state=held.state, since=speech.since, now=now)
        return (done, *decided)


def _decisions(held: Held, done: Step, speech: _Speech) -> tuple[GuardWork, ...]:
    """Give what the output guard decided, and whether what is an answer fits its schema."""
    verdicts = () if speech.blocked else judging.verdicts(held.document, done)
    if held.document.guards.pii_output == "off" or not (speech.text or speech.blocked):
        return verdicts
    return (_decision(done, speech), *verdicts)


def _unaffordable(held: Held, step: Step) -> Fault | None:
    """Why a call cannot be made again: with what may have been lost, it could pass the budget."""
    work, limit = step.work, held.state.limits.max_cost_micro_usd
    if not isinstance(work, ModelWork) or work.attempt == 1:
        return None
    if held.state.committed + work.worst_cost <= limit:
        return None
    detail = f"Asking the model again could pass the run's budget of {limit} micro-USD."
    return Fault(code=FinishReason.BUDGET_EXCEEDED, detail=detail)


def _finished(step: Step, speech: _Speech, now: datetime) -> Step:
    said = {**speech.said, "fault": speech.fault}
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


def _with_lost(step: Step) -> Step:
    lost = plan.again(step).work
    if not isinstance(lost, ModelWork):
        return step
    known = {"lost_micro_usd": lost.lost_micro_usd}
    return step.model_copy(update={"work": step.work.model_copy(update=known)})


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
