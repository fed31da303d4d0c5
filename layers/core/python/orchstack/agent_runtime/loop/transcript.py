"""The live events of a run, as its journal tells them: the same while it runs and ever after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import assert_never

from orchstack.agent_runtime.model.events import LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Run, RunView
from orchstack.agent_runtime.model.steps import (
    FinishWork,
    GuardWork,
    ModelWork,
    RunStatus,
    Step,
    ToolWork,
)
from orchstack.kernel.plain import JsonObject

Tale = tuple[LiveEventName, JsonObject]


class Numbering:
    """Gives the events of one run their numbers."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, tale: Tale) -> LiveEvent:
        """Number the next event."""
        self.last += 1
        return LiveEvent(self.last, *tale)


def opening(run: Run) -> Tale:
    """Tell that a run has begun."""
    return LiveEventName.RUN_STARTED, {
        "run_id": str(run.id),
        "agent": run.agent,
        "version": run.version,
        "session_id": None if run.session_id is None else str(run.session_id),
    }


def begun(step: Step) -> Iterator[Tale]:
    """Tell that a step has begun, if it is one that takes its time."""
    match step.work:
        case ModelWork() as work:
            yield LiveEventName.MODEL_STARTED, {"step": step.seq, "model": work.model}
        case ToolWork() as work:
            yield (
                LiveEventName.TOOL_STARTED,
                {
                    "step": step.seq,
                    "call_id": work.call.id,
                    "name": work.call.name,
                    "arguments": work.call.arguments,
                },
            )
        case GuardWork() | FinishWork():
            return


def delta(seq: int, text: str) -> Tale:
    """Tell a piece of text that a step gives."""
    return LiveEventName.TEXT_DELTA, {"step": seq, "text": text}


def said(step: Step) -> Iterator[Tale]:
    """Tell the text of a model's answer again, in the pieces in which it went out."""
    if isinstance(step.work, ModelWork):
        at = 0
        for length in step.work.pieces:
            yield delta(step.seq, step.work.text[at : at + length])
            at += length


def done(step: Step, run: Run) -> Iterator[Tale]:
    """Tell that a step is over; its text has been told before. `run` is told whole at its end."""
    match step.work:
        case ModelWork() as work:
            yield LiveEventName.MODEL_COMPLETED, _model_completed(step, work)
        case ToolWork() as work:
            yield (
                LiveEventName.TOOL_COMPLETED,
                {
                    "step": step.seq,
                    "call_id": work.call.id,
                    "name": work.call.name,
                    "is_error": work.is_error,
                    "content": work.content,
                },
            )
        case GuardWork() as work:
            yield (
                LiveEventName.GUARD_DECIDED,
                {
                    "step": step.seq,
                    **work.model_dump(
                        mode="json", include={"stage", "outcome", "findings", "concerns"}
                    ),
                },
            )
        case FinishWork() as work:
            yield from _finished(step, work, run)
        case _:
            assert_never(step.work)


def journal(run: Run, steps: Sequence[Step]) -> Iterator[Tale]:
    """Tell a run from its journal, as far as it goes."""
    yield opening(run)
    for _, group in groupby(steps, key=_batch):
        batch = tuple(group)
        for step in batch:
            yield from begun(step)
        for step in batch:
            if step.finished:
                yield from said(step)
                yield from done(step, run)


def _batch(step: Step) -> int:
    """The tools that one answer asks for begin together; every other step stands alone."""
    return -step.work.wished_by if isinstance(step.work, ToolWork) else step.seq


def _model_completed(step: Step, work: ModelWork) -> JsonObject:
    return {
        "step": step.seq,
        "provider": work.provider,
        "model": work.served_by,
        "finish_reason": work.finish_reason,
        "usage": step.usage.model_dump(),
        "cost_micro_usd": step.cost_micro_usd,
        "error": None if work.fault is None else work.fault.model_dump(),
    }


def _finished(step: Step, work: FinishWork, run: Run) -> Iterator[Tale]:
    if work.composed:
        yield delta(step.seq, work.output)
    completed = work.status is RunStatus.COMPLETED
    name = LiveEventName.RUN_COMPLETED if completed else LiveEventName.RUN_FAILED
    yield name, RunView.of(run).model_dump(mode="json")
