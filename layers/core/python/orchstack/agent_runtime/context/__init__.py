"""The context of a model's call: what of all there is it is shown, and in which order.

A pure rule: the same material under the same budget gives the same prompt, byte for byte. What
changes least stands first (tools, instructions, pinned texts, memory, knowledge, history, input,
the turns of this run), so that providers can cache the beginning. Nothing of a user or a tool ever
stands in a message of another role.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from orchstack.agent_runtime.context.blocks import LAST_CALL, blocks
from orchstack.agent_runtime.context.fitting import (
    Fitting,
    fits_whole,
    room_left,
    too_large,
)
from orchstack.agent_runtime.context.history import recent
from orchstack.agent_runtime.context.material import ORDER, Block, Layout, Material
from orchstack.agent_runtime.context.weighing import REPLY, Count, Scale, in_bytes, in_tokens
from orchstack.agent_runtime.model.contexts import (
    ContextManifest,
    ContextPart,
    LeftOut,
    PartEntry,
    Reason,
    Section,
    same_beginning,
)
from orchstack.kernel.chat import ChatRequest, Message, Role, ToolSpec
from orchstack.kernel.tokens import estimate_tokens

__all__ = ["LAST_CALL", "Budget", "Material", "Packed", "assemble", "fits_at_all", "pack", "recent"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How many tokens of input a call may have, and how they are counted, if they have to be.

    `count` counts a text in the vocabulary `tokenizer`; `factor` looks up what that is wrong by.
    """

    tokens: int
    tokenizer: str
    count: Count
    factor: Callable[[], float] = lambda: 1.0


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The call, the parts it was put together from, and what to write down of it."""

    request: ChatRequest
    parts: tuple[ContextPart, ...]
    manifest: ContextManifest


def pack(material: Material, budget: Budget, before: ContextManifest | None = None) -> Packed:
    """Build the next call of the model; `before` is the manifest of the call before, in this run.

    Raises ContextTooLarge if not even the input fits.
    """
    shown = recent(material.history, material.document.history_messages)
    whole = blocks(material, shown)
    scale = in_bytes()
    if fits_whole(whole, material.document, scale, budget.tokens):
        layout = Layout({section: list(whole[section]) for section in ORDER})
    else:
        scale = in_tokens(budget.count, budget.factor())
        layout = Fitting.after(
            before, document=material.document, scale=scale, budget=budget.tokens
        ).fit(whole)
    layout.left_out[:0] = _older(material.history, shown)
    return _packed(material, budget, layout, scale, before)


def fits_at_all(material: Material, budget: Budget) -> None:
    """Raise ContextTooLarge if the input cannot fit, whatever else is left out."""
    whole = blocks(material, ())
    if room_left(whole, in_bytes(), budget.tokens) >= 0:
        return
    scale = in_tokens(budget.count, budget.factor())
    room = room_left(whole, scale, budget.tokens)
    if room < 0:
        asked = scale.total(whole[Section.INPUT])
        raise too_large("The input has", asked, room + asked)


def assemble(parts: Sequence[ContextPart]) -> tuple[tuple[Message, ...], tuple[ToolSpec, ...]]:
    """Put parts together to what a provider is sent; texts of ours become one message."""
    ours = [m.content for part in parts for m in part.messages if m.role is Role.SYSTEM]
    others = [m for part in parts for m in part.messages if m.role is not Role.SYSTEM]
    system = [Message(role=Role.SYSTEM, content="\n\n".join(ours))] if ours else []
    return (*system, *others), tuple(chain.from_iterable(part.tools for part in parts))


def _packed(
    material: Material,
    budget: Budget,
    layout: Layout,
    scale: Scale,
    before: ContextManifest | None,
) -> Packed:
    shown = layout.ordered()
    parts = tuple(block.part for block in shown)
    messages, tools = assemble(parts)
    request = ChatRequest(
        model=material.document.model,
        messages=messages,
        tools=tools,
        max_output_tokens=material.max_output_tokens,
        temperature=material.document.temperature,
        output_schema=material.document.output_schema,
    )
    entries = tuple(_entry(block, scale) for block in shown)
    manifest = ContextManifest(
        hash=_hash(request, entries),
        model=request.model,
        tokenizer=budget.tokenizer,
        factor=scale.factor,
        counted=scale.unit,
        budget=budget.tokens,
        tokens=REPLY + sum(entry.tokens for entry in entries),
        sections={s: n for s in ORDER if (n := scale.total(layout.blocks[s]))},
        parts=entries,
        left_out=tuple(layout.left_out),
    )
    if before is not None:
        same = entries[: same_beginning(manifest, before)]
        prefix = {"prefix_tokens": sum(entry.tokens for entry in same)}
        manifest = manifest.model_copy(update=prefix)
    return Packed(request=request, parts=parts, manifest=manifest)


def _entry(block: Block, scale: Scale) -> PartEntry:
    part = block.part
    return PartEntry(
        section=part.section, hash=part.hash, tokens=scale.weigh(part), source=block.source
    )


def _older(history: Sequence[Message], shown: Sequence[Message]) -> list[LeftOut]:
    """Name the messages that the agent's document leaves out, with about their tokens."""
    older = history[: len(history) - len(shown)]
    if not older:
        return []
    first, last = (m.seq or at for m, at in ((older[0], 1), (older[-1], len(older))))
    return [
        LeftOut(
            section=Section.HISTORY,
            source=f"messages {first}-{last}",
            tokens=sum(estimate_tokens(message.content) for message in older),
            reason=Reason.DROPPED,
        )
    ]


def _hash(request: ChatRequest, entries: Sequence[PartEntry]) -> str:
    settings = [request.model, request.max_output_tokens, request.temperature]
    named = json.dumps([settings, [entry.hash for entry in entries]], separators=(",", ":"))
    return hashlib.sha256(named.encode()).hexdigest()
