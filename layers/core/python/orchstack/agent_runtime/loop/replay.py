"""Decides a run anew from its journal, and compares each decision with the one on record.

What did not come from the run's own state is taken from the record, as a fact: what models, tools,
guards and humans answered; that somebody cancelled, or that drivers died; which agents there were;
what a call could have cost at most. All else is decided again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile, zip_longest

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
from orchstack.agent_runtime.loop.plan import Screened
from orchstack.agent_runtime.loop.rules import unknown
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.contexts import ContextManifest
from orchstack.agent_runtime.model.replays import Decision, Difference, ReplayReport
from orchstack.agent_runtime.model.steps import (
    FinishReason,
    FinishWork,
    GuardWork,
    HandoffWork,
    ModelWork,
    Step,
    ToolWork,
    Work,
)
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.errors import RunPoisoned
from orchstack.kernel.plain import JsonObject

# Packs a call anew: gives the hash of the context that the model would be shown today.
Repack = Callable[[RunState, AgentDocument, CallModel, ContextManifest], str]
_PLANNED = {
    "model": ("model", "last", "repair"),
    "tool": ("call", "wished_by", "position", "shown", "permitted"),
    "wait": ("call", "wished_by", "position", "question"),
    "handoff": ("call", "wished_by", "position", "agent", "reason", "refusal"),
    "finish": (
        "reason",
        "output",
        "composed",
        "structured",
        "fault",
        "refused_micro_usd",
        "unasked",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A run as it is written down; `documents` are its agent's, and of each that took over."""

    state: RunState
    documents: Sequence[AgentDocument]
    repack: Repack
    # The steps below were decided in the run that this one was forked from.
    first: int = 1
    # The rule under test.
    decide: Callable[[RunState], Command] = decide


def replay(recording: Recording) -> ReplayReport:
    """Decide anew, up to the first difference; the same recording gives the same report."""
    decisions: list[Decision] = []
    for seq, recorded, decided in _pairs(recording):
        if recorded != decided:
            difference = Difference(seq=seq, recorded=recorded, decided=decided)
            return _report(decisions, difference)
        if decided is not None:
            digest = hashlib.sha256(_canonical(decided)).hexdigest()
            decisions.append(Decision(seq=seq, kind=decided["kind"], digest=digest))
    return _report(decisions, None)


def _report(decisions: Sequence[Decision], difference: Difference | None) -> ReplayReport:
    whole = "".join(decision.digest for decision in decisions)
    return ReplayReport(
        identical=difference is None,
        decisions=tuple(decisions),
        digest=hashlib.sha256(whole.encode()).hexdigest(),
        first_difference=difference,
    )


def _pairs(
    recording: Recording,
) -> Iterator[tuple[int, JsonObject | None, JsonObject | None]]:
    """Give, for each step that was planned, its number, what is recorded and what is decided."""
    steps = recording.state.steps
    at = 0
    while at < len(steps):
        if steps[at].seq < recording.first or isinstance(steps[at].work, GuardWork):
            at += 1
            continue
        # Nothing is planned while anything is pending: all before it had finished by then.
        decided = _decided(recording, replace(recording.state, steps=steps[:at]), steps[at:])
        recorded = [_plain(step.work) for step in _together(steps[at:])]
        pairs = zip_longest(recorded, decided)
        yield from ((seq, *pair) for seq, pair in zip(count(steps[at].seq), pairs, strict=False))
        at += len(recorded)


def _together(following: Sequence[Step]) -> list[Step]:
    """Give the steps that were planned at once: between two groups of tools, guards have spoken."""
    first = following[0].work
    if not isinstance(first, ToolWork):
        return [following[0]]
    wished_by = first.wished_by
    return list(
        takewhile(
            lambda step: isinstance(step.work, ToolWork) and step.work.wished_by == wished_by,
            following,
        )
    )


def _decided(recording: Recording, state: RunState, following: Sequence[Step]) -> list[JsonObject]:
    """Decide what comes next; `following` holds what came, of which only the facts are used."""
    document = recording.documents[len(state.handoffs)]
    recorded = following[0].work
    command = _command(recording, state, recorded)
    match command:
        case CallModel():
            work = plan.asking(command, model=document.model, worst_cost=0)
            known = recorded.context if isinstance(recorded, ModelWork) else None
            shown = known and recording.repack(state, document, command, known)
            return [{**_plain(work), "context": shown}]
        case CallTools():
            screened = dict(_screened(command, state, following))
            permitted = state.rules.permitted
            served = plan.serving(command, permitted=permitted, screened=screened)
            return list(map(_plain, served))
        case AskHuman():
            now = state.started_at
            return [_plain(plan.waiting(command, limits=state.limits, now=now))]
        case HandOff():
            refusal = command.refusal or _unknown(command, recorded)
            return [_plain(plan.handing_off(command, version=None, refusal=refusal))]
        case Finish() | Fail():
            return list(map(_plain, plan.ending(command)))


def _command(recording: Recording, state: RunState, recorded: Work) -> Command:
    """Decide, given what is on record and does not come from the run's own state."""
    imposed = _imposed(state, recorded)
    command = recording.decide(state) if imposed is None else imposed
    if not isinstance(command, CallModel):
        return command
    if isinstance(recorded, ModelWork):
        return afford(state, command, recorded.worst_cost)
    if isinstance(recorded, FinishWork) and recorded.refused_micro_usd is not None:
        return afford(state, command, recorded.refused_micro_usd)
    if isinstance(recorded, FinishWork) and recorded.unasked and recorded.fault is not None:
        return Fail(fault=recorded.fault, unasked=True)
    return command


def _imposed(state: RunState, recorded: Work) -> Command | None:
    """Give the end of a run that somebody cancelled, or that its drivers died over."""
    if not isinstance(recorded, FinishWork):
        return None
    if recorded.reason is FinishReason.CANCELLED:
        return cancel(state)
    if recorded.fault is not None and recorded.fault.code == RunPoisoned.code:
        return give_up(state, recorded.fault)
    return None


def _screened(
    command: CallTools, state: RunState, following: Sequence[Step]
) -> Iterator[tuple[int, Screened]]:
    """Give what the guards said of the arguments, as it is on record."""
    positions = {planned.position for planned in command.calls}
    for step in following:
        work = step.work
        if not isinstance(work, ToolWork) or work.wished_by != command.wished_by:
            continue
        if work.position in positions:
            refused = not work.permitted and work.call.name in state.rules.permitted
            yield (
                work.position,
                Screened(shown=work.shown, refusal=work.content if refused else None),
            )


def _unknown(command: HandOff, recorded: Work) -> str | None:
    """Give that there was no such agent, if that is on record."""
    if isinstance(recorded, HandoffWork) and recorded.refusal == unknown(command.agent):
        return recorded.refusal
    return None


def _plain(work: Work) -> JsonObject:
    """Give what of a step was decided when it was planned."""
    planned = {"kind": work.kind, **work.model_dump(mode="json", include=set(_PLANNED[work.kind]))}
    if isinstance(work, ModelWork):
        planned["context"] = None if work.context is None else work.context.hash
    return planned


def _canonical(decision: JsonObject) -> bytes:
    text = json.dumps(decision, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
