"""The live events of a run, as its journal tells them: the same while it runs and ever after.

Tools that were begun together are told together: all that have begun, then each that is over, in
the order of their numbers. Between two such groups of one answer stands another step: the guard's
decision on what a tool said. Nothing is told beyond the first step that is not over.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, assert_never

from orchstack.agent_runtime.model.events import EventId, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Run, RunView
from orchstack.agent_runtime.model.steps import (
    FinishWork,
    GuardWork,
    HandoffWork,
    ModelWork,
    RunStatus,
    Step,
    ToolWork,
    WaitWork,
)
from orchstack.kernel.plain import JsonObject

# An event without its id.
_Tale = tuple[LiveEventName, JsonObject]
_OPENING: Final = EventId(0, 1, 0)
_BEFORE: Final = EventId(-1, 0, 0)
_ENDS: Final = {
    RunStatus.COMPLETED: LiveEventName.RUN_COMPLETED,
    RunStatus.FAILED: LiveEventName.RUN_FAILED,
    RunStatus.CANCELLED: LiveEventName.RUN_CANCELLED,
}


class Teller:
    """Tells a run's journal as it grows, each event once."""

    def __init__(self) -> None:
        self.last: EventId | None = None

    def tell(self, run: Run, steps: Sequence[Step]) -> Iterator[LiveEvent]:
        """Tell what was not told yet."""
        for event in journal(run, steps, after=self.last):
            self.last = event.id
            yield event

    def piece(self, step: Step, text: str) -> LiveEvent:
        """Tell a piece of text of the step that was told last, before it is written down."""
        index = 1 if self.last is None else self.last.nth + 1
        self.last = EventId(step.seq, _attempt(step), index)
        return LiveEvent(self.last, *_delta(step, text))


def journal(
    run: Run, steps: Sequence[Step], *, after: EventId | None = None
) -> Iterator[LiveEvent]:
    """Tell a run from its journal, as far as it goes; only what follows `after`, if it is given.

    Of the steps, those before the one that `after` names may be missing.
    """
    told = after or _BEFORE
    if told < _OPENING:
        yield LiveEvent(_OPENING, *_opening(run))
    first = bisect_left(steps, told.step, key=lambda step: step.seq)
    for _, group in groupby(steps[first:], key=_batch):
        batch = tuple(group)
        yield from _told(batch, run, told)
        if not all(step.finished for step in batch):
            return


def _told(batch: tuple[Step, ...], run: Run, told: EventId) -> Iterator[LiveEvent]:
    first = batch[0]
    attempt = _attempt(first)
    same = told[:2] == (first.seq, attempt)
    skip = told.nth + 1 if same else 0
    if isinstance(first.work, ModelWork):
        tales = _model(first, first.work, skip)
    else:
        tales = ((i, tale) for i, tale in enumerate(_together(batch, run)) if i >= skip)
    for index, tale in tales:
        yield LiveEvent(EventId(first.seq, attempt, index), *tale)


def _batch(step: Step) -> int:
    """The tools that were begun together; every other step stands alone."""
    return -step.work.wished_by if isinstance(step.work, ToolWork) else step.seq


def _attempt(step: Step) -> int:
    return step.work.attempt if isinstance(step.work, ModelWork) else 1


def _opening(run: Run) -> _Tale:
    return LiveEventName.RUN_STARTED, {
        "run_id": str(run.id),
        "agent": run.agent,
        "version": run.version,
        "session_id": None if run.session_id is None else str(run.session_id),
    }


def _model(step: Step, work: ModelWork, skip: int) -> Iterator[tuple[int, _Tale]]:
    """Tell a call of a model with its text in the pieces in which it went out."""
    if skip == 0:
        facts = {"step": step.seq, "model": work.model, "attempt": work.attempt}
        yield 0, (LiveEventName.MODEL_STARTED, facts)
    at = 0
    for index, length in enumerate(work.pieces, start=1):
        if index >= skip:
            yield index, _delta(step, work.text[at : at + length])
        at += length
    last = len(work.pieces) + 1
    if step.finished and last >= skip:
        yield last, (LiveEventName.MODEL_COMPLETED, _completed(step, work))


def _together(batch: Sequence[Step], run: Run) -> Iterator[_Tale]:
    for step in batch:
        yield from _begun(step)
    for step in batch:
        if not step.finished:
            return
        yield from _done(step, run)


def _begun(step: Step) -> Iterator[_Tale]:
    match step.work:
        case ToolWork() as work:
            yield LiveEventName.TOOL_STARTED, {**_call(step, work), "arguments": _arguments(work)}
        case WaitWork() as work:
            facts = {"question": work.question, "expires_at": work.expires_at.isoformat()}
            yield LiveEventName.RUN_WAITING, {"step": step.seq, "call_id": work.call.id, **facts}
        case ModelWork() | HandoffWork() | GuardWork() | FinishWork():
            return
        case _:
            assert_never(step.work)


def _done(step: Step, run: Run) -> Iterator[_Tale]:
    match step.work:
        case ToolWork() as work:
            result = {"is_error": work.is_error, "content": work.content}
            yield LiveEventName.TOOL_COMPLETED, {**_call(step, work), **result}
        case WaitWork() as work:
            answer = {"answer": work.answer, "expired": work.expired}
            yield LiveEventName.RUN_RESUMED, {"step": step.seq, "call_id": work.call.id, **answer}
        case HandoffWork() as work:
            if work.refusal is None:
                agent = {"agent": work.agent, "version": work.version, "reason": work.reason}
                yield LiveEventName.AGENT_CHANGED, {"step": step.seq, **agent}
        case GuardWork() as work:
            told = {"stage", "outcome", "findings", "concerns"}
            facts = work.model_dump(mode="json", include=told)
            yield LiveEventName.GUARD_DECIDED, {"step": step.seq, **facts}
        case FinishWork() as work:
            if work.composed:
                yield _delta(step, work.output)
            yield _ENDS[work.status], RunView.of(run).model_dump(mode="json")
        case ModelWork():
            return
        case _:
            assert_never(step.work)


def _call(step: Step, work: ToolWork) -> JsonObject:
    return {"step": step.seq, "call_id": work.call.id, "name": work.call.name}


def _arguments(work: ToolWork) -> JsonObject:
    return work.call.arguments if work.shown is None else work.shown


def _delta(step: Step, text: str) -> _Tale:
    return LiveEventName.TEXT_DELTA, {"step": step.seq, "text": text}


def _completed(step: Step, work: ModelWork) -> JsonObject:
    return {
        "step": step.seq,
        "provider": work.provider,
        "model": work.served_by,
        "finish_reason": work.finish_reason,
        "usage": step.usage.model_dump(),
        "cost_micro_usd": step.cost_micro_usd,
        "error": None if work.fault is None else work.fault.model_dump(),
    }
