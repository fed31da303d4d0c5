"""What the building of contexts needs from the world."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from orchstack.agent_runtime.model.contexts import ContextPart, KeptPart
from orchstack.agent_runtime.model.runs import Run
from orchstack.kernel.agents import AgentDocument


class Tokens(Protocol):
    """Counts text as models do; each raises NoProviderAvailable if nobody serves the model."""

    def tokenizer(self, model: str) -> str:
        """Name the vocabulary that a model's text is counted in."""

    def window(self, model: str) -> int:
        """Give how many tokens a model can hold, input and output together."""

    def count(self, model: str, text: str) -> int:
        """Count the tokens of a text."""


class Vocabularies(Protocol):
    """Counts text in the vocabularies that manifests name."""

    def count(self, tokenizer: str, text: str) -> int:
        """Count the tokens of a text, as `Tokens.tokenizer` named the vocabulary."""


class Factors(Protocol):
    """Learns by what a model's vocabulary is wrong for a tenant, from what providers report."""

    def factor(self, tenant_id: UUID, model: str) -> float:
        """Give what counts have to be multiplied by; 1 if nothing is known."""

    def learn(self, tenant_id: UUID, model: str, *, counted: int, reported: int) -> None:
        """Take in one call; joins the transaction that is open, and waits for nobody."""


class Contexts(Protocol):
    """Keeps the parts of the contexts of runs, each once a run, by its hash."""

    def keep(self, tenant_id: UUID, run_id: UUID, parts: Sequence[KeptPart]) -> None:
        """Keep parts, in the transaction that is open."""

    def parts(self, tenant_id: UUID, run_id: UUID, hashes: Collection[str]) -> Mapping[str, str]:
        """Give the texts of parts by hash, as far as they are there."""

    def erase(self, run: Run) -> None:
        """Erase all parts of a run, in the transaction that is open."""


class Background(Protocol):
    """Knows what may help with a run: what is remembered, and what is written somewhere."""

    def passages(self, run: Run, document: AgentDocument) -> tuple[ContextPart, ...]:
        """Give parts of the sections memory and knowledge, the best of each first."""


@dataclass(frozen=True, kw_only=True)
class ContextPorts:
    """All that the building of contexts touches."""

    tokens: Tokens
    factors: Factors
    contexts: Contexts
    background: Background
