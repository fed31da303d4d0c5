"""Which steps a fork takes over from another run, and how they stand in their new place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from orchstack.agent_runtime.model.steps import GuardWork, ModelWork, Step, ToolWork
from orchstack.kernel.chat import Usage
from orchstack.kernel.errors import Conflict, InvalidDocument, fault_at

_FREE: Final = {"usage": Usage(), "cost_micro_usd": 0}


def place(steps: Sequence[Step], from_step: int, *, answered: bool) -> int:
    """Give the first step that is not taken over.

    That is `from_step`; if its tool's answer is given (`answered`), it is the first step behind the
    tools that were called together with it, whose results stay with it. Raises InvalidDocument for
    a step that there is not, or that is no call of a tool, and Conflict for one under way.
    """
    at = next((step for step in steps if step.seq == from_step), None)
    if at is None:
        last = steps[-1].seq if steps else 0
        there = f"The run has the steps 1 to {last}." if last else "The run has no steps yet."
        faults = [fault_at("/from_step", f"there is no step {from_step}")]
        raise InvalidDocument(there, faults=faults)
    first = _behind(steps, at) if answered else from_step
    for step in steps:
        if step.seq < first and not step.finished:
            raise Conflict(f"Step {step.seq} of the run is under way; fork below it, or wait.")
    return first


def taken_over(steps: Sequence[Step], first: int, *, without: int | None = None) -> list[Step]:
    """Give the steps below `first`, and what guards said of them later, numbered anew from there.

    They cost nothing, as the run they come from paid for them. What a guard said of the step
    `without` is left out.
    """
    below = [step for step in steps if step.seq < first]
    known = {step.seq for step in below} - {without}
    said = [step for step in steps if step.seq >= first and _concerns(step) in known]
    return [_copy(step, seq) for seq, step in enumerate([*below, *said], start=1)]


def _behind(steps: Sequence[Step], tool: Step) -> int:
    """Give the number of the step behind the tools that were called together."""
    if not isinstance(tool.work, ToolWork):
        faults = [fault_at("/tool_result", f"step {tool.seq} is no call of a tool")]
        raise InvalidDocument("A tool's result can only stand in for one.", faults=faults)
    wished_by = tool.work.wished_by
    behind = (step for step in steps if step.seq >= tool.seq)
    together = takewhile(
        lambda step: isinstance(step.work, ToolWork) and step.work.wished_by == wished_by, behind
    )
    return max(step.seq for step in together) + 1


def _concerns(step: Step) -> int | None:
    return step.work.concerns if isinstance(step.work, GuardWork) else None


def _copy(step: Step, seq: int) -> Step:
    work = step.work
    if isinstance(work, ModelWork):
        # What it was shown is kept with the other run.
        work = work.model_copy(update={"lost_micro_usd": 0, "context": None})
    return step.model_copy(update={**_FREE, "seq": seq, "work": work})
