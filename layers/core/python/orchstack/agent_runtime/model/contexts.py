"""What a model was shown: the parts of a built context, each named by its hash, and the manifest.

A part is what packing never splits: one block of instructions, a tool's description, a user's turn
with its answer, an answer with the results of the tools it asked for. A part's text is its
canonical JSON, and its hash is the SHA-256 of exactly these bytes, so what is read back can be
checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from orchstack.kernel.chat import Message, ToolSpec
from orchstack.kernel.frozen import Frozen

# By what the count of a vocabulary may be wrong. What a provider reports beyond that has other
# reasons: it asked its model twice, or knows what it was sent from a call before.
LEAST_FACTOR: Final = 0.7
MOST_FACTOR: Final = 1.8
# How much one call changes what is known, and which difference is but noise.
LEAST_WEIGHT: Final = 0.1
WORTH_LEARNING: Final = 0.01

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Section(StrEnum):
    """The sections of a context, in the order in which a model reads them."""

    TOOLS = "tools"
    SYSTEM = "system"
    PINNED = "pinned"
    MEMORY = "memory"
    KNOWLEDGE = "knowledge"
    HISTORY = "history"
    INPUT = "input"
    TURNS = "turns"


class Reason(StrEnum):
    """Why something was left out or shortened."""

    # A tool's result, which can be asked for again; a placeholder stands for it.
    CLEARED = "cleared"
    # A tool's result that did not fit whole: its beginning and its end were kept.
    SHORTENED = "shortened"
    # Turns of the session; their first sentences stand for them.
    SUMMARISED = "summarised"
    # It had no room, and nothing stands for it.
    DROPPED = "dropped"


class ContextPart(Frozen):
    """One piece of a context: messages, or the description of tools."""

    section: Section
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()

    @cached_property
    def text(self) -> str:
        """The canonical JSON: the same part, the same characters."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


class PartEntry(Frozen):
    """A part as a manifest lists it; `source` names what it was made of."""

    section: Section
    hash: Hash
    tokens: int
    source: str = ""


class LeftOut(Frozen):
    """What the model was not shown: `source` names it, `tokens` is what it would have taken."""

    section: Section
    source: str
    tokens: int
    reason: Reason


class ContextManifest(Frozen):
    """What one call of a model was shown, and how it was counted; the parts are kept by hash.

    `counted` says what the figures are: tokens of the vocabulary `tokenizer` times `factor`, or the
    number of bytes, which no tokenizer passes and which is enough where the budget is far.
    """

    # Of the parts in their order, the model and the settings of the call.
    hash: Hash
    model: str
    tokenizer: str
    factor: float = 1.0
    counted: Literal["tokens", "bytes"] = "tokens"
    # The most tokens of input that were allowed, and what was used of them.
    budget: int
    tokens: int
    sections: dict[Section, int] = {}
    parts: tuple[PartEntry, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    # How much of the beginning is the same as in the call before, in this run.
    prefix_tokens: int = 0


class KeptPart(Frozen):
    """A part as it is stored; `text` is its canonical JSON."""

    hash: Hash
    text: str


def new_parts(
    parts: Sequence[ContextPart], manifests: Sequence[ContextManifest]
) -> tuple[KeptPart, ...]:
    """Give the parts that no manifest before named: the others are stored already."""
    known = {entry.hash for manifest in manifests for entry in manifest.parts}
    fresh = {part.hash: part.text for part in parts if part.hash not in known}
    return tuple(KeptPart(hash=name, text=text) for name, text in fresh.items())


def same_beginning(manifest: ContextManifest, before: ContextManifest) -> int:
    """Count the parts with which two contexts begin alike."""
    pairs = zip(manifest.parts, before.parts, strict=False)
    alike = takewhile(lambda pair: pair[0].hash == pair[1].hash, pairs)
    return sum(1 for _ in alike)


def moved(factor: float, samples: int, ratio: float) -> float:
    """Move a factor towards what a call showed: the mean of the first calls, then slowly."""
    if samples and abs(ratio / factor - 1) <= WORTH_LEARNING:
        return factor
    weight = max(LEAST_WEIGHT, 1 / (samples + 1))
    return factor + weight * (ratio - factor)


class ContextPartView(Frozen):
    """A part as the API shows it."""

    section: Section
    source: str
    tokens: int
    hash: Hash
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()


class ContextView(Frozen):
    """What a model was shown in one step, counted exactly, and what it was not shown.

    `reported_tokens` is what the provider said, once it answered.
    """

    run_id: UUID
    step: int
    hash: Hash
    model: str
    tokenizer: str
    factor: float
    budget: int
    tokens: int
    reported_tokens: int
    prefix_tokens: int
    sections: dict[Section, int]
    parts: tuple[ContextPartView, ...]
    left_out: tuple[LeftOut, ...]
