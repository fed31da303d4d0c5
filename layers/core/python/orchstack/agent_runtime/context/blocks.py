"""From what there is to blocks: the pieces that packing never splits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from orchstack.agent_runtime.context.history import exchanges
from orchstack.agent_runtime.context.material import Block, Material
from orchstack.agent_runtime.context.turns import turns
from orchstack.agent_runtime.model.contexts import ContextPart, Section
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.chat import Message, Role

LAST_CALL: Final = (
    "This is your last turn: no tool can be called any more. Answer now with what you have."
)

FORM: Final = (
    "Your final answer must be JSON that fits this JSON Schema, and nothing else: no other words, "
    "no code fence."
)


def blocks(material: Material, history: Sequence[Message]) -> dict[Section, list[Block]]:
    """Give all there is, by section; `history` is what the document lets through of it."""
    tools = ContextPart(section=Section.TOOLS, tools=tuple(material.tools))
    count = len(material.tools)
    named = f"{count} tool{'' if count == 1 else 's'}"
    instructions = _instructions(material.document, last=material.last)
    return {
        Section.TOOLS: [Block(tools, named)] if material.tools else [],
        Section.SYSTEM: [
            _said(Section.SYSTEM, Role.SYSTEM, instructions, "instructions"),
            *_form(material.document),
        ],
        Section.PINNED: [
            _said(Section.PINNED, Role.SYSTEM, text, f"pinned text {number}")
            for number, text in enumerate(material.document.context.pinned, start=1)
        ],
        Section.MEMORY: list(_passages(material.passages, Section.MEMORY)),
        Section.KNOWLEDGE: list(_passages(material.passages, Section.KNOWLEDGE)),
        Section.HISTORY: exchanges(history),
        Section.INPUT: [
            Block(ContextPart(section=Section.INPUT, messages=(material.asked,)), "input")
        ],
        Section.TURNS: turns(material.steps),
    }


def _form(document: AgentDocument) -> Iterator[Block]:
    """Tell of the schema also those models that cannot be bound to it."""
    if document.output_schema is not None:
        schema = json.dumps(document.output_schema, ensure_ascii=False, sort_keys=True)
        yield _said(Section.SYSTEM, Role.SYSTEM, f"{FORM}\n{schema}", "output schema")


def _passages(passages: Sequence[ContextPart], section: Section) -> Iterator[Block]:
    of_it = (part for part in passages if part.section is section)
    for number, part in enumerate(of_it, start=1):
        yield Block(part, f"{section.value} {number}")


def _instructions(document: AgentDocument, *, last: bool) -> str:
    # With the tools still declared: some providers refuse tool results without their declarations.
    if last and (document.tools or document.agents):
        return f"{document.instructions}\n\n{LAST_CALL}"
    return document.instructions


def _said(section: Section, role: Role, text: str, source: str) -> Block:
    message = Message(role=role, content=text)
    return Block(ContextPart(section=section, messages=(message,)), source)
