"""What comes next in a run: decided from its state alone, so the same journal decides the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from orchstack.agent_runtime.loop.ordering import ready
from orchstack.agent_runtime.loop.partial import partial_answer
from orchstack.agent_runtime.loop.rules import refusal
from orchstack.agent_runtime.loop.state import PlannedCall, RunState
from orchstack.agent_runtime.loop.structure import bare
from orchstack.agent_runtime.model.steps import (
    Fault,
    FinishReason,
    FinishWork,
    GuardOutcome,
    ModelWork,
    Step,
)
from orchstack.kernel.chat import MicroDollars
from orchstack.kernel.errors import ContentBlocked, DeadlineExceeded, InvalidOutput

_REASONS: Final = {
    "length": FinishReason.OUTPUT_LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}


@dataclass(frozen=True, kw_only=True)
class CallModel:
    """Ask the model; `last`: no further call is allowed, `max_output_tokens`: what is left.

    `repair`: its answer before did not fit the agent's output schema.
    """

    last: bool
    max_output_tokens: int
    repair: bool = False


@dataclass(frozen=True, kw_only=True)
class CallTools:
    """Call, all at once, tools that the answer of the step `wished_by` asks for.

    `handed_over`: another agent has taken over since, so none is called any more.
    """

    wished_by: int
    calls: tuple[PlannedCall, ...]
    handed_over: bool = False


@dataclass(frozen=True, kw_only=True)
class AskHuman:
    """Ask a human what the answer of the step `wished_by` wants to know."""

    wished_by: int
    planned: PlannedCall


@dataclass(frozen=True, kw_only=True)
class HandOff:
    """Let another agent take over, unless it is refused for the reason given."""

    wished_by: int
    planned: PlannedCall
    agent: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class Finish:
    """End with an answer; `composed`: the loop wrote it; `structured`: it is JSON that fits.

    `refused_micro_usd` is the most that the call could have cost which the budget did not cover.
    """

    reason: FinishReason
    output: str
    composed: bool = False
    structured: bool = False
    refused_micro_usd: MicroDollars | None = None


@dataclass(frozen=True, kw_only=True)
class Fail:
    """End without an answer; `output` is what had gone out before.

    `unasked`: the fault met a call of the model before it was made.
    """

    fault: Fault
    output: str = ""
    reason: FinishReason = FinishReason.ERROR
    unasked: bool = False


Command = CallModel | CallTools | AskHuman | HandOff | Finish | Fail


def decide(state: RunState) -> Command:
    """Give the next command; of a run that is over, the one that ended it."""
    if state.end is not None:
        return _ended(state.end)
    if state.block is not None:
        detail = state.block.detail or str(ContentBlocked())
        return Fail(fault=Fault(code=ContentBlocked.code, detail=detail), output=_said(state))
    if not state.answers:
        return _ask(state)
    step, answer = state.answers[-1]
    if answer.fault is not None:
        return _after_fault(state, answer, answer.fault)
    if answer.tool_calls:
        return _serve(state, step)
    return _answered(state, step, answer)


def afford(state: RunState, command: CallModel, worst_cost: MicroDollars) -> CallModel | Finish:
    """Let the call pass if the run's budget covers the most it can cost; else end the run."""
    if state.committed + worst_cost <= state.limits.max_cost_micro_usd:
        return command
    return replace(_stop(state, FinishReason.BUDGET_EXCEEDED), refused_micro_usd=worst_cost)


def cancel(state: RunState) -> Finish:
    """End at somebody's wish, with what the model had said so far."""
    said = [step.work.text for step in state.steps if isinstance(step.work, ModelWork)]
    return Finish(reason=FinishReason.CANCELLED, output=said[-1] if said else "")


def give_up(state: RunState, fault: Fault) -> Fail:
    """End because nothing helps, with what the model had said so far."""
    return Fail(fault=fault, output=cancel(state).output)


def work_of(command: Finish | Fail) -> FinishWork:
    """Write the end of a run as a step's work."""
    if isinstance(command, Fail):
        return FinishWork(
            reason=command.reason,
            output=command.output,
            fault=command.fault,
            unasked=command.unasked,
        )
    return FinishWork(
        reason=command.reason,
        output=command.output,
        composed=command.composed,
        structured=command.structured,
        refused_micro_usd=command.refused_micro_usd,
    )


def _ended(end: FinishWork) -> Finish | Fail:
    if end.fault is not None:
        return Fail(fault=end.fault, output=end.output, reason=end.reason, unasked=end.unasked)
    return Finish(
        reason=end.reason,
        output=end.output,
        composed=end.composed,
        structured=end.structured,
        refused_micro_usd=end.refused_micro_usd,
    )


def _answered(state: RunState, step: Step, answer: ModelWork) -> Command:
    """End with an answer, unless it does not fit its schema: once the model may mend it."""
    reason = _REASONS.get(answer.finish_reason or "", FinishReason.ANSWERED)
    verdict = state.verdict(step)
    if verdict is None:
        return Finish(reason=reason, output=answer.text)
    if verdict.outcome is GuardOutcome.ALLOWED:
        return Finish(reason=reason, output=bare(answer.text), structured=True)
    if not answer.repair:
        return _ask(state, repair=True)
    detail = f"{InvalidOutput()} {verdict.detail}"
    return Fail(
        fault=Fault(code=InvalidOutput.code, detail=detail),
        output=answer.text,
        reason=FinishReason.INVALID_OUTPUT,
    )


def _ask(state: RunState, *, repair: bool = False) -> CallModel | Finish:
    exceeded = _exceeded(state)
    if exceeded is not None:
        return _stop(state, exceeded)
    limits = state.limits
    return CallModel(
        last=len(state.answers) + 1 == limits.max_steps,
        max_output_tokens=min(
            limits.max_output_tokens, limits.max_total_tokens - state.usage.total
        ),
        repair=repair,
    )


def _serve(state: RunState, step: Step) -> Command:
    calls = state.unanswered(step)
    if not calls:
        return _ask(state)
    # A result that no model may be asked about is no use, and its effect would be unwanted.
    exceeded = _exceeded(state)
    if exceeded is not None:
        return _stop(state, exceeded)
    return _next(state, step.seq, calls)


def _next(state: RunState, wished_by: int, calls: tuple[PlannedCall, ...]) -> Command:
    """Give the wishes that may be granted now: tools first and together, others one by one."""
    if state.handed_over(wished_by):
        return CallTools(wished_by=wished_by, calls=calls, handed_over=True)
    rules, free = state.rules, ready(calls, state.rules.order)
    tools = [
        planned
        for planned in free
        if planned.call.name not in rules.handoffs and not rules.asks_human(planned.call)
    ]
    if tools:
        together = tuple(tools[: state.limits.max_parallel_tools])
        return CallTools(wished_by=wished_by, calls=together)
    questions = [planned for planned in free if rules.asks_human(planned.call)]
    if questions:
        return AskHuman(wished_by=wished_by, planned=questions[0])
    return _hand_off(state, wished_by, free[0])


def _hand_off(state: RunState, wished_by: int, planned: PlannedCall) -> HandOff:
    agent = state.rules.handoffs[planned.call.name]
    deeper = len(state.handoffs) + 1
    return HandOff(
        wished_by=wished_by,
        planned=planned,
        agent=agent,
        refusal=refusal(agent, state.chain, deeper=deeper, max_depth=state.limits.max_depth),
    )


def _after_fault(state: RunState, answer: ModelWork, fault: Fault) -> Finish | Fail:
    # A model is only timed out by the run's own limit: a function's end is no fault of the run.
    if fault.code == DeadlineExceeded.code:
        return _stop(state, FinishReason.MAX_SECONDS)
    # It could not be asked again: the answers that were lost may have cost what was left.
    if fault.code == FinishReason.BUDGET_EXCEEDED:
        return _stop(state, FinishReason.BUDGET_EXCEEDED)
    return Fail(fault=fault, output=answer.text)


def _exceeded(state: RunState) -> FinishReason | None:
    limits = state.limits
    if len(state.answers) >= limits.max_steps:
        return FinishReason.MAX_STEPS
    if state.usage.total >= limits.max_total_tokens:
        return FinishReason.MAX_TOKENS
    if state.seconds >= limits.max_seconds:
        return FinishReason.MAX_SECONDS
    return None


def _stop(state: RunState, reason: FinishReason) -> Finish:
    text, composed = partial_answer(state, reason)
    return Finish(reason=reason, output=text, composed=composed)


def _said(state: RunState) -> str:
    return state.answers[-1][1].text if state.answers else ""
