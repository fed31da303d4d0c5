"""What the model and its tools said in this run, and how less of it is shown once it is too much.

An answer and the results of the tools it asked for are one block: providers refuse a result whose
call is not there, and a call without its result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from orchstack.agent_runtime.context.material import Block, Result
from orchstack.agent_runtime.model.contexts import ContextPart, Section
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardStage,
    GuardWork,
    HandoffWork,
    ModelWork,
    Service,
    Step,
    ToolWork,
    WaitWork,
)
from orchstack.kernel.chat import MAX_TEXT, Message, Role, ToolCall

REPAIR: Final = (
    "Your answer does not fit the JSON Schema that it has to fit. Answer again, "
    "with nothing but JSON that fits it."
)


@dataclass
class _Turn:
    """An answer, or a word of ours, and what its tools said."""

    messages: list[Message]
    steps: list[int]
    results: list[Result] = field(default_factory=list)

    def block(self) -> Block:
        """Make it a block."""
        first, last = self.steps[0], self.steps[-1]
        source = f"step {first}" if first == last else f"steps {first}-{last}"
        part = ContextPart(section=Section.TURNS, messages=tuple(self.messages))
        return Block(part, source, tuple(self.results))


def turns(steps: Sequence[Step]) -> list[Block]:
    """Give the finished steps that a model is shown, in order."""
    said: list[_Turn] = []
    wished: dict[int, _Turn] = {}
    for step in steps:
        if not step.finished:
            continue
        match step.work:
            case ModelWork(fault=None) as work:
                said.append(_Turn([_answer(work)], [step.seq]))
                wished[step.seq] = said[-1]
            case ToolWork() | WaitWork() | HandoffWork() as work:
                _take(wished[work.wished_by], step, work)
            case GuardWork(stage=GuardStage.SCHEMA, outcome=GuardOutcome.BLOCKED) as work:
                said.append(_Turn([_repair(work)], [step.seq]))
    return [turn.block() for turn in said]


def _take(turn: _Turn, step: Step, work: Service) -> None:
    again = isinstance(work, ToolWork) and work.child_run_id is None
    turn.results.append(Result(len(turn.messages), f"step {step.seq}", again=again))
    turn.messages.append(
        Message(role=Role.TOOL, content=told(work)[:MAX_TEXT], tool_call_id=work.call.id)
    )
    turn.steps.append(step.seq)


def told(work: Service) -> str:
    """Say to the model what became of its wish."""
    match work:
        case ToolWork():
            return work.content
        case WaitWork(expired=True):
            return "Nobody answered in time."
        case WaitWork():
            return work.answer
        case HandoffWork():
            handed = f"The conversation was handed to {work.agent}, who goes on with it."
            return work.refusal or handed


def _answer(work: ModelWork) -> Message:
    # Placeholders of the guards may have made it longer than a message can be.
    calls = tuple(map(_in_order, work.tool_calls))
    return Message(role=Role.ASSISTANT, content=work.text[:MAX_TEXT], tool_calls=calls)


def _in_order(call: ToolCall) -> ToolCall:
    """Sort the arguments: the database does not keep their order, and prompts shall be the same."""
    if not call.arguments:
        return call
    return call.model_copy(
        update={"arguments": json.loads(json.dumps(call.arguments, sort_keys=True))}
    )


def _repair(work: GuardWork) -> Message:
    return Message(role=Role.USER, content=f"{REPAIR}\n{work.detail}".strip()[:MAX_TEXT])


def placeholder(result: Result, length: int) -> str:
    """Say what stood there; the step or the message still has it."""
    return f"[result of {result.source} cleared: {length:,} characters; ask again if needed]"


def shortened(text: str, keep: int) -> str:
    """Keep about `keep` characters of a text: its beginning and its end, cut between words."""
    if len(text) <= keep:
        return text
    head = _back_to_gap(text, keep * 2 // 3)
    tail = _on_to_gap(text, len(text) - keep // 3)
    gone = tail - head
    return f"{text[:head]}\n[… {gone:,} characters left out …]\n{text[tail:]}"


def _back_to_gap(text: str, at: int) -> int:
    gap = max(text.rfind("\n", at // 2, at), text.rfind(" ", at // 2, at))
    return at if gap < 0 else gap


def _on_to_gap(text: str, at: int) -> int:
    gaps = [gap for gap in (text.find("\n", at), text.find(" ", at)) if gap >= 0]
    return min(gaps, default=at)


def clearable(blocks: Sequence[Block]) -> Iterator[tuple[int, Result, int]]:
    """Give the results that can be had again, oldest first: block, result, number of characters."""
    for number, block in enumerate(blocks):
        for result in block.results:
            length = len(block.part.messages[result.position].content)
            if result.again and length > _WORTH_IT:
                yield number, result, length


# Clearing less than this would hardly make room.
_WORTH_IT: Final = 300
