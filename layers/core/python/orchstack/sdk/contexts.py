"""What a model was shown, as values."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.kernel.plain import JsonMapping
from orchstack.sdk.models import Model


@dataclass(frozen=True, kw_only=True)
class ContextPart(Model):
    """One piece of a context: `source` names what it was made of."""

    section: str
    source: str
    tokens: int
    hash: str
    messages: tuple[JsonMapping, ...]
    tools: tuple[JsonMapping, ...]


@dataclass(frozen=True, kw_only=True)
class LeftOut(Model):
    """What a model was not shown, and why: cleared, shortened, summarised or dropped."""

    section: str
    source: str
    tokens: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Context(Model):
    """What a model was shown in one step; `budget` is how many tokens it might have been.

    `prefix_tokens` of them are the same as in the call before, so a provider can have cached them;
    `reported_tokens` is what the provider counted.
    """

    run_id: str
    step: int
    hash: str
    model: str
    tokenizer: str
    factor: float
    budget: int
    tokens: int
    reported_tokens: int
    prefix_tokens: int
    sections: dict[str, int]
    parts: tuple[ContextPart, ...]
    left_out: tuple[LeftOut, ...]
