"""Sets two runs side by side: what they said and did, and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff
from itertools import zip_longest
from typing import Final, assert_never

from orchstack.agent_runtime.model.diffs import Change, Measure, RunDiff, StepPair
from orchstack.agent_runtime.model.runs import Run, RunView
from orchstack.agent_runtime.model.steps import (
    FinishWork,
    GuardWork,
    HandoffWork,
    ModelWork,
    Step,
    ToolWork,
    WaitWork,
)
from orchstack.kernel.plain import Json, JsonObject

# Of the unified diff of one text; what is cut off can be read in the steps themselves.
MAX_LINES: Final = 200
MAX_LINE: Final = 500
_TEXTS: Final = {"text", "content", "output", "question", "answer", "input", "instructions"}


def compare(a: Run, a_steps: Sequence[Step], b: Run, b_steps: Sequence[Step]) -> RunDiff:
    """Compare two runs; the same arguments give the same answer, byte for byte."""
    origins = tuple(_changes(_origin(a), _origin(b)))
    pairs = tuple(_pair(left, right) for left, right in aligned(a_steps, b_steps))
    output = difference(a.output, b.output)
    return RunDiff(
        a=RunView.of(a),
        b=RunView.of(b),
        same=not origins and not output and all(pair.same for pair in pairs),
        origins=origins,
        steps=pairs,
        first_divergence=next((pair for pair in pairs if not pair.same), None),
        output=output,
        totals=tuple(_totals(a, b)),
    )


def aligned(a: Sequence[Step], b: Sequence[Step]) -> Iterator[tuple[Step | None, Step | None]]:
    """Pair the steps that stand for each other, in order: each step of both comes exactly once."""
    a_names, b_names = [_name(step) for step in a], [_name(step) for step in b]
    matcher = SequenceMatcher(a=a_names, b=b_names, autojunk=False)
    for _, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        for left, right in zip_longest(a[a_from:a_to], b[b_from:b_to]):
            if left is None or right is None or left.work.kind == right.work.kind:
                yield left, right
            else:
                yield left, None
                yield None, right


def difference(a: str, b: str) -> tuple[str, ...]:
    """Give the lines of a unified diff of two texts, none if they are the same."""
    lines = list(unified_diff(a.splitlines(), b.splitlines(), "a", "b", lineterm=""))
    if a != b and not lines:
        # They differ in how their lines end.
        lines = [f"-{a!r}", f"+{b!r}"]
    shown = [line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…" for line in lines[:MAX_LINES]]
    left_out = len(lines) - len(shown)
    return (*shown, *([f"… {left_out} more lines"] if left_out else []))


def _pair(a: Step | None, b: Step | None) -> StepPair:
    there = a or b
    if there is None:
        raise ValueError("a pair of no steps")
    kind, name = _name(there)
    if a is None or b is None:
        seqs = {"a": None if a is None else a.seq, "b": None if b is None else b.seq}
        return StepPair(**seqs, kind=kind, name=name, same=False)
    changes = tuple(_changes(_said(a), _said(b)))
    return StepPair(
        a=a.seq,
        b=b.seq,
        kind=kind,
        name=name,
        same=not changes,
        changes=changes,
        measures=tuple(_measures(a, b)),
    )


def _name(step: Step) -> tuple[str, str]:
    """Give what kind of step it is, and the name by which it is told from others of its kind."""
    match step.work:
        case ToolWork() | WaitWork() as work:
            return work.kind, work.call.name
        case GuardWork() as work:
            return work.kind, work.stage.value
        case HandoffWork() as work:
            return work.kind, work.agent
        case ModelWork() | FinishWork() as work:
            return work.kind, ""
        case _:
            assert_never(step.work)


def _said(step: Step) -> JsonObject:
    """Give what a step said and did: no number of a step, no time, no price, no id."""
    work = step.work.model_dump(mode="json")
    match step.work:
        case ModelWork():
            names = ["model", "last", "repair", "text", "served_by", "finish_reason", "fault"]
            calls = [_call(call) for call in work["tool_calls"]]
            return {"status": step.status.value, **_only(work, names), "tool_calls": calls}
        case ToolWork():
            names = ["content", "is_error", "permitted"]
        case WaitWork():
            names = ["question", "answer", "expired"]
        case HandoffWork():
            names = ["agent", "version", "reason", "refusal"]
        case GuardWork():
            return _only(work, ["stage", "outcome", "findings", "detail"])
        case FinishWork():
            return _only(work, ["reason", "output", "composed", "fault"])
        case _:
            assert_never(step.work)
    return {"status": step.status.value, **_call(work["call"]), **_only(work, names)}


def _call(call: JsonObject) -> JsonObject:
    return {"tool": call["name"], "arguments": call["arguments"]}


def _only(work: JsonObject, names: Sequence[str]) -> JsonObject:
    return {name: work[name] for name in names}


def _origin(run: Run) -> JsonObject:
    return {
        "agent": run.agent,
        "version": run.version,
        "input": run.input,
        **run.overrides.model_dump(mode="json"),
    }


def _changes(a: JsonObject, b: JsonObject) -> Iterator[Change]:
    for name in [*a, *(name for name in b if name not in a)]:
        left, right = a.get(name), b.get(name)
        if left != right:
            yield Change(field=name, a=left, b=right, diff=_text_diff(name, left, right))


def _text_diff(name: str, a: Json, b: Json) -> tuple[str, ...]:
    if name not in _TEXTS:
        return ()
    return difference(a if isinstance(a, str) else "", b if isinstance(b, str) else "")


def _measures(a: Step, b: Step) -> Iterator[Measure]:
    yield from _differing(
        {
            "input_tokens": (a.usage.input_tokens, b.usage.input_tokens),
            "output_tokens": (a.usage.output_tokens, b.usage.output_tokens),
            "cost_micro_usd": (a.cost_micro_usd, b.cost_micro_usd),
            "duration_ms": (_took(a), _took(b)),
        }
    )


def _totals(a: Run, b: Run) -> Iterator[Measure]:
    figures: dict[str, tuple[float, float]] = {
        "input_tokens": (a.usage.input_tokens, b.usage.input_tokens),
        "output_tokens": (a.usage.output_tokens, b.usage.output_tokens),
        "cost_micro_usd": (a.cost_micro_usd, b.cost_micro_usd),
        "step_count": (a.step_count, b.step_count),
        "duration_ms": (a.stages.total, b.stages.total),
    }
    for name, (left, right) in figures.items():
        yield Measure(name=name, a=left, b=right)


def _differing(figures: dict[str, tuple[float, float]]) -> Iterator[Measure]:
    for name, (left, right) in figures.items():
        if left != right:
            yield Measure(name=name, a=left, b=right)


def _took(step: Step) -> float:
    if step.finished_at is None:
        return 0.0
    return round((step.finished_at - step.started_at).total_seconds() * 1000, 3)
