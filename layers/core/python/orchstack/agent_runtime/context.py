"""What a model is shown: packed from the agent, the session's history, the input and the journal.

The order keeps the beginning of the prompt the same from call to call, so providers can cache it:
instructions, history, input, then the answers and tool results of this run. Nothing of a user or a
tool ever stands in a message of another role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchstack.agent_runtime.model.steps import ModelWork, Step, ToolWork
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.chat import MAX_TEXT, ChatRequest, Message, Role, ToolSpec

LAST_CALL: Final = (
    "This is your last turn: no tool can be called any more. Answer now with what you have."
)


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What was said: in the session before, by the user now, and in this run since."""

    history: Sequence[Message]
    text: str
    steps: Sequence[Step]


def pack(
    document: AgentDocument,
    conversation: Conversation,
    *,
    tools: Sequence[ToolSpec],
    last: bool,
    max_output_tokens: int,
) -> ChatRequest:
    """Build the next call of the model; the same arguments give the same request, byte for byte."""
    return ChatRequest(
        model=document.model,
        messages=(
            Message(role=Role.SYSTEM, content=_instructions(document, last=last)),
            *recent(conversation.history, document.history_messages),
            Message(role=Role.USER, content=conversation.text),
            *_turns(conversation.steps),
        ),
        tools=tuple(tools),
        max_output_tokens=max_output_tokens,
        temperature=document.temperature,
    )


def recent(history: Sequence[Message], limit: int) -> tuple[Message, ...]:
    """Give the last messages, from a user's turn on: an answer without its question misleads."""
    kept = list(history[-limit:]) if limit else []
    while kept and kept[0].role is not Role.USER:
        kept.pop(0)
    return tuple(kept)


def _instructions(document: AgentDocument, *, last: bool) -> str:
    # With the tools still declared: some providers refuse tool results without their declarations.
    if last and document.tools:
        return f"{document.instructions}\n\n{LAST_CALL}"
    return document.instructions


def _turns(steps: Sequence[Step]) -> list[Message]:
    turns: list[Message] = []
    for step in steps:
        work = step.work
        if not step.finished:
            continue
        if isinstance(work, ModelWork) and work.fault is None:
            # Placeholders may have made it longer than a message can be.
            said = work.text[:MAX_TEXT]
            turns.append(Message(role=Role.ASSISTANT, content=said, tool_calls=work.tool_calls))
        elif isinstance(work, ToolWork):
            turns.append(Message(role=Role.TOOL, content=work.content, tool_call_id=work.call.id))
    return turns
