"""Material for contexts: long sessions, tools that answer at length, and a count that is exact."""

from __future__ import annotations

from typing import Any

from orchstack.agent_runtime.context import Budget, Material
from orchstack.agent_runtime.model.contexts import ContextPart, Section
from orchstack.agent_runtime.model.steps import ModelWork, Step, ToolWork
from orchstack.kernel.chat import Message, Role, ToolCall, ToolSpec
from orchstack.kernel.tokens import estimate_tokens
from tests.make import agent_document
from tests.unit.agent_runtime.playing import BEGAN

CALCULATOR = ToolSpec(name="calculator", description="Sums.", parameters={"type": "object"})


def budget(tokens: int, factor: float = 1.0) -> Budget:
    """A budget, counted by the rule of thumb."""
    return Budget(tokens=tokens, tokenizer="estimate", count=estimate_tokens, factor=lambda: factor)


def user(text: str) -> Message:
    """A user's words."""
    return Message(role=Role.USER, content=text)


def session(turns: int, *, words: int = 40, first: int = 1) -> tuple[Message, ...]:
    """A session of so many questions with their answers, as it is recalled."""
    said = []
    for turn in range(turns):
        number = first + 2 * turn
        question = f"Question {number}. " + "why " * words
        answer = f"Answer {number}. " + "because " * words
        said += [
            Message(role=Role.USER, content=question.strip(), seq=number),
            Message(role=Role.ASSISTANT, content=answer.strip(), seq=number + 1),
        ]
    return tuple(said)


def finished(seq: int, work: ModelWork | ToolWork) -> Step:
    """A step that is over."""
    return Step(seq=seq, work=work, started_at=BEGAN, finished_at=BEGAN)


def turn(seq: int, *results: str, text: str = "") -> tuple[Step, ...]:
    """An answer that asks for tools, and what they say."""
    calls = tuple(
        ToolCall(id=f"call_{seq}_{at}", name="calculator", arguments={"expression": f"{at}"})
        for at, _ in enumerate(results)
    )
    answer = finished(seq, ModelWork(model="default", text=text, tool_calls=calls))
    said = [
        finished(
            seq + 1 + at,
            ToolWork(call=calls[at], wished_by=seq, position=at, content=result),
        )
        for at, result in enumerate(results)
    ]
    return answer, *said


def passage(section: Section, text: str) -> ContextPart:
    """A text that was looked up."""
    return ContextPart(section=section, messages=(user(text),))


def material(**changes: Any) -> Material:
    """Something of everything; `document` changes the agent."""
    document = agent_document(
        **{"tools": ("calculator",), "history_messages": 200, **changes.pop("document", {})}
    )
    given = {"asked": user("And now?"), "tools": (CALCULATOR,), **changes}
    return Material(document=document, **given)
