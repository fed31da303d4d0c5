"""A model's context as a picture: how full it was, of what, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from orchstack.cli.asking import short
from orchstack.cli.waterfall import bar

if TYPE_CHECKING:
    from orchstack.sdk import Context, ContextPart

_WORDS: Final = {
    "cleared": "cleared, a placeholder stands for it",
    "shortened": "shortened to its beginning and its end",
    "summarised": "its first sentences stand for it",
    "dropped": "left out",
}


def summary(context: Context) -> Iterator[str]:
    """Say in a few lines how much the model was shown."""
    share = context.tokens / context.budget if context.budget > 0 else 1.0
    counted = context.tokenizer if context.factor == 1 else f"{context.tokenizer}, corrected"
    yield f"Step {context.step} showed {context.model} {context.tokens:,} tokens ({counted}),"
    yield f"{share:.0%} of the {context.budget:,} that it might have been."
    if context.reported_tokens:
        yield f"The provider counted {context.reported_tokens:,}."
    if context.prefix_tokens:
        same = context.prefix_tokens / max(context.tokens, 1)
        yield f"{same:.0%} of it is the beginning of the call before, and may have been cached."


def sections(context: Context) -> Iterator[tuple[str, str, str]]:
    """Draw each section's part of the whole."""
    offset = 0
    for name, tokens in context.sections.items():
        yield name, bar(offset, tokens, context.tokens), f"{tokens:,}"
        offset += tokens


def parts(context: Context) -> Iterator[tuple[str, str, str, str]]:
    """Give each part in one line, in the order in which the model read them."""
    for part in context.parts:
        yield part.section, part.source, f"{part.tokens:,}", _said(part)


def left_out(context: Context) -> Iterator[tuple[str, str, str, str]]:
    """Give what the model was not shown, and why."""
    for left in context.left_out:
        why = _WORDS.get(left.reason, left.reason)
        yield left.section, left.source, f"{left.tokens:,}", why


def _said(part: ContextPart) -> str:
    if part.tools:
        return ", ".join(str(tool["name"]) for tool in part.tools)
    return short(" … ".join(m.get("content", "") for m in part.messages if m.get("content")))
