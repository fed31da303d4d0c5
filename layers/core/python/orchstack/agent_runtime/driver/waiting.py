"""A run that waits for a human: who answers, what becomes of the answer, and when nobody did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.text import storable
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardStage,
    GuardWork,
    Step,
    StepStatus,
    WaitWork,
)
from orchstack.agent_runtime.ports import Guards
from orchstack.kernel.errors import Conflict, InvalidRequest, RunOver, fault_at


@dataclass(frozen=True)
class Answer:
    """What a human says, if anything, and who it is (`key:<id>`)."""

    text: str | None
    by: str


def question_of(held: Held) -> WaitWork | None:
    """Give what a human is asked, while the run waits for the answer."""
    pending = held.state.pending
    work = pending[0].work if pending else None
    return work if isinstance(work, WaitWork) else None


def answered(held: Held, answer: Answer, *, guards: Guards, now: datetime) -> tuple[Step, ...]:
    """Give the step that waited, finished, and the guard's decision on the answer.

    Nothing, for a run that nobody has to answer. Raises RunOver, InvalidRequest, Conflict and
    ContentBlocked.
    """
    if held.run.over:
        raise RunOver
    asked = question_of(held)
    if asked is None and answer.text is None:
        return ()
    if asked is None or asked.expires_at <= now:
        raise Conflict("This run asks nobody anything (any more); send no answer to go on with it.")
    if answer.text is None:
        detail = f"The run waits for an answer to this question: {asked.question}"
        raise InvalidRequest(detail, faults=[fault_at("/answer", "is missing")])
    return _with_answer(held, asked, answer.text, by=answer.by, guards=guards, now=now)


def expired(step: Step, work: WaitWork, now: datetime) -> Step:
    """Finish a step that nobody has answered in time."""
    known = work.model_copy(update={"expired": True})
    end = {"status": StepStatus.FINISHED, "finished_at": now, "work": known}
    return step.model_copy(update=end)


def _with_answer(
    held: Held, asked: WaitWork, text: str, *, by: str, guards: Guards, now: datetime
) -> tuple[Step, ...]:
    step = held.state.pending[0]
    with held.timed("guard"):
        checked = guards.check_input(storable(text), held.document.guards)
    findings = dict(checked.findings)
    decision = GuardWork(
        stage=GuardStage.INPUT,
        outcome=GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED,
        findings=findings,
        concerns=step.seq,
    )
    known = asked.model_copy(update={"answer": checked.text, "answered_by": by})
    end = {"status": StepStatus.FINISHED, "finished_at": now, "work": known}
    decided = plan.finished((decision,), state=held.state, since=now, now=now)
    return (step.model_copy(update=end), *decided)
