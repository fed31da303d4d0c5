"""Counts tokens in real vocabularies, which are part of a library: nothing is fetched.

A vocabulary takes a quarter of a second of CPU and some 60 MB once it is loaded, so it is loaded by
the first text that has to be counted, once a process.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from orchstack.llm_router.adapters.builtin import count_words
from orchstack.llm_router.families import Family, family_named, family_of
from orchstack.llm_router.model import ModelCard, Target


class TokenCounter:
    """Counts as the models do that the router reaches."""

    def __init__(self, describe: Callable[[str], ModelCard]) -> None:
        """Take what says what is known of a model; raises NoProviderAvailable."""
        self._describe = describe

    def tokenizer(self, model: str) -> str:
        """Name the vocabulary that a model's text is counted in."""
        return self._family(model).name

    def window(self, model: str) -> int:
        """Give how many tokens a model can hold, input and output together."""
        return self._describe(model).window

    def count(self, model: str, text: str) -> int:
        """Count the tokens of a text."""
        return _count(self._family(model), text)

    def _family(self, model: str) -> Family:
        card = self._describe(model)
        return family_of(Target(provider=card.provider, model=card.model))


class BundledVocabularies:
    """Counts in the vocabularies by their names alone; no provider need be known."""

    def count(self, tokenizer: str, text: str) -> int:
        """Count the tokens of a text, as `TokenCounter.tokenizer` named the vocabulary."""
        return _count(family_named(tokenizer), text)


def _count(family: Family, text: str) -> int:
    if family.vocabulary == "words":
        return count_words(text)
    from toktok import batch_count

    # Half characters, which JSON can carry, are sent as question marks.
    whole = text if text.isascii() else text.encode("utf-8", "replace").decode()
    count: int = batch_count([whole], family.vocabulary, threads=1)[0]
    return ceil(count * family.factor)
