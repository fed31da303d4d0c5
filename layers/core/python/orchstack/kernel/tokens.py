"""Token counts without a tokenizer: one that is about right, and one that is never too low."""

from __future__ import annotations

from typing import Final

_CHARACTERS_PER_TOKEN: Final = 4


def estimate_tokens(text: str) -> int:
    """Guess the tokens of a text: one per four ASCII characters, one per other character."""
    ascii_only = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return -(-ascii_only // _CHARACTERS_PER_TOKEN) + len(text) - ascii_only


def most_tokens(text: str) -> int:
    """Give a bound that no byte-level tokenizer passes: each token stands for at least one byte."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
