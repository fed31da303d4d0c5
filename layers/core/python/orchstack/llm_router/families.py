"""Which vocabulary a model's text is counted in, and by what that is known to be off.

OpenAI publishes its vocabularies; Alibaba's is public too. The others' are not, or are not worth
their size: they are counted in OpenAI's, times what they need for the same texts.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from orchstack.kernel.frozen import Frozen
from orchstack.llm_router.model import ECHO, Target

Vocabulary = Literal["o200k_base", "o200k_harmony", "cl100k_base", "qwen3.5", "words"]


class Family(Frozen):
    """How text is counted: a vocabulary, and how many of its tokens are `factor` of the model's."""

    vocabulary: Vocabulary
    factor: float = 1.0

    @property
    def name(self) -> str:
        """The written form, with the factor where there is one."""
        return self.vocabulary if self.factor == 1 else f"{self.vocabulary} \u00d7 {self.factor:g}"


def family_named(name: str) -> Family:
    """Read the written form of a family again."""
    vocabulary, _, factor = name.partition(" \u00d7 ")
    return Family.model_validate({"vocabulary": vocabulary, "factor": float(factor or 1)})


# The built-in model counts words and other marks.
WORDS: Final = Family(vocabulary="words")
# Of a model nobody knows: rather a tenth too many.
UNKNOWN: Final = Family(vocabulary="o200k_base", factor=1.1)

# The first that is found in the model's name. Claude 3 and 4 took up to a fifth more than o200k on
# mixed texts, and 1.14 times as many on code; what a tenant's calls show is learned on top.
_FAMILIES: Final[tuple[tuple[str, Family], ...]] = (
    (r"gpt-oss", Family(vocabulary="o200k_harmony")),
    (r"gpt-(4$|4-|3)|text-embedding", Family(vocabulary="cl100k_base")),
    (r"gpt-|chatgpt|\bo\d", Family(vocabulary="o200k_base")),
    (r"claude", Family(vocabulary="o200k_base", factor=1.2)),
    (r"gemini|gemma", Family(vocabulary="o200k_base", factor=1.05)),
    (r"qwen", Family(vocabulary="qwen3.5")),
    (r"llama-?[34]|llama3", Family(vocabulary="cl100k_base", factor=1.02)),
    (r"deepseek", Family(vocabulary="o200k_base", factor=1.05)),
    (r"mistral|mixtral|codestral|magistral", Family(vocabulary="o200k_base", factor=1.15)),
)
_PATTERNS: Final = tuple((re.compile(pattern), family) for pattern, family in _FAMILIES)


def family_of(target: Target) -> Family:
    """Find the family of a model by its name, whoever serves it."""
    if target.name == ECHO:
        return WORDS
    name = target.model.lower()
    return next((family for pattern, family in _PATTERNS if pattern.search(name)), UNKNOWN)
