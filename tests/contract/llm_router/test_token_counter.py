"""Counting tokens: in the vocabularies themselves, without a network, and of any text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchstack.llm_router.adapters.token_counter import BundledVocabularies, TokenCounter
from orchstack.llm_router.families import family_named, family_of
from orchstack.llm_router.model import FREE, ModelCard, Target
from tests.bench.texts import KINDS, TONGUES, Texts

CASES = [
    ("openai/gpt-5-mini", "o200k_base"),
    ("openai/o3", "o200k_base"),
    ("azure/gpt-4.1", "o200k_base"),
    ("openai/gpt-4", "cl100k_base"),
    ("openai/gpt-4-turbo", "cl100k_base"),
    ("groq/openai/gpt-oss-120b", "o200k_harmony"),
    ("anthropic/claude-opus-5-5", "o200k_base \u00d7 1.2"),
    ("ollama/qwen3:8b", "qwen3.5"),
    ("builtin/echo", "words"),
    ("acme/rocket", "o200k_base \u00d7 1.1"),
]


def card(model: str) -> ModelCard:
    """What the router says of a model."""
    provider, _, name = model.partition("/")
    return ModelCard(name=model, provider=provider, model=name, price=FREE, window=1_000)


COUNTER = TokenCounter(card)


@pytest.mark.parametrize(("model", "vocabulary"), CASES)
def test_each_model_has_its_vocabulary(model: str, vocabulary: str) -> None:
    """By its name, whoever serves it; and the name of the vocabulary can be read again."""
    provider, _, name = model.partition("/")

    assert vocabulary == COUNTER.tokenizer(model)
    assert family_of(Target(provider=provider, model=name)) == family_named(vocabulary)


@pytest.mark.parametrize(
    ("model", "encoding"), [("openai/gpt-5", "o200k_base"), ("openai/gpt-4", "cl100k_base")]
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")
def test_texts_are_counted_as_another_library_counts_them(
    model: str, encoding: str, kind: str
) -> None:
    """In prose, code, JSON and many tongues, to the token."""
    # It reads its vocabulary as it is imported, in a way that Python deprecates.
    from bpe_openai import get_encoding

    other = get_encoding(encoding)
    pieces = [Texts(kind, seed).piece(3_000) for seed in range(10)]

    assert [len(other.encode_ordinary(text)) for text in pieces] == [
        COUNTER.count(model, text) for text in pieces
    ]


def test_any_text_can_be_counted() -> None:
    """Half characters, none at all, and what only looks like a special token."""
    assert 0 == COUNTER.count("openai/gpt-5", "")
    assert COUNTER.count("openai/gpt-5", "?") == COUNTER.count("openai/gpt-5", "\ud800")
    assert COUNTER.count("openai/gpt-5", "<|endoftext|>") > 1


@pytest.mark.parametrize("text", ["a" * 200_000, " " * 200_000, TONGUES[7] * 5_000])
def test_hostile_text_is_counted_at_once(text: str) -> None:
    """No text takes more than its length's share of time, and none has more tokens than bytes."""
    assert 0 < COUNTER.count("openai/gpt-5", text) <= len(text.encode())


def test_what_a_manifest_names_can_be_counted_without_a_provider() -> None:
    """Years later, when nobody serves the model any more."""
    counted = BundledVocabularies().count("o200k_base \u00d7 1.2", "one two three four five")

    assert 6 == counted


def test_no_vocabulary_is_loaded_before_a_text_is_counted() -> None:
    """A function that counts nothing does not pay for it."""
    seen = "import sys, orchstack.llm_router.adapters.token_counter; print('toktok' in sys.modules)"
    said = subprocess.run(  # noqa: S603 - our own interpreter and words
        [sys.executable, "-c", seen], check=True, capture_output=True, text=True
    )

    assert "False" == said.stdout.strip()
