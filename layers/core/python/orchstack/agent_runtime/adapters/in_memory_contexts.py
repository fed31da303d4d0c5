"""The building of contexts in memory: a rule of thumb for tokens, and nothing known beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from orchstack.agent_runtime.model.contexts import ContextPart, KeptPart, moved
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.ports_contexts import ContextPorts
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.tokens import estimate_tokens


@dataclass(frozen=True)
class EstimatedTokens:
    """One token for four characters; every model holds the same."""

    size: int = 128_000

    def tokenizer(self, model: str) -> str:
        """Name the rule of thumb, whatever the model."""
        del model
        return "estimate"

    def window(self, model: str) -> int:
        """Give the size, whatever the model."""
        del model
        return self.size

    def count(self, model: str, text: str) -> int:
        """Estimate the tokens of a text."""
        del model
        return estimate_tokens(text)


class EstimatingVocabularies:
    """One token for four characters, in whatever vocabulary."""

    def count(self, tokenizer: str, text: str) -> int:
        """Estimate the tokens of a text."""
        del tokenizer
        return estimate_tokens(text)


@dataclass
class InMemoryFactors:
    """Keeps factors until the process ends."""

    known: dict[tuple[UUID, str], tuple[float, int]] = field(default_factory=dict)

    def factor(self, tenant_id: UUID, model: str) -> float:
        """Give what counts have to be multiplied by; 1 if nothing is known."""
        return self.known.get((tenant_id, model), (1.0, 0))[0]

    def learn(self, tenant_id: UUID, model: str, *, counted: int, reported: int) -> None:
        """Take in one call."""
        factor, samples = self.known.get((tenant_id, model), (1.0, 0))
        self.known[tenant_id, model] = (moved(factor, samples, reported / counted), samples + 1)


@dataclass
class InMemoryContexts:
    """Keeps parts until the process ends."""

    kept: dict[tuple[UUID, UUID], dict[str, str]] = field(default_factory=dict)

    def keep(self, tenant_id: UUID, run_id: UUID, parts: Sequence[KeptPart]) -> None:
        """Keep parts; one that is there already stays."""
        held = self.kept.setdefault((tenant_id, run_id), {})
        for part in parts:
            held.setdefault(part.hash, part.text)

    def parts(self, tenant_id: UUID, run_id: UUID, hashes: Collection[str]) -> Mapping[str, str]:
        """Give the texts of parts by hash, as far as they are there."""
        held = self.kept.get((tenant_id, run_id), {})
        return {name: held[name] for name in hashes if name in held}

    def erase(self, run: Run) -> None:
        """Erase all parts of a run."""
        self.kept.pop((run.tenant_id, run.id), None)


class NoBackground:
    """Knows nothing."""

    def passages(self, run: Run, document: AgentDocument) -> tuple[ContextPart, ...]:
        """Give nothing."""
        del run, document
        return ()


def in_memory_context(size: int = 128_000) -> ContextPorts:
    """Join them; every model holds `size` tokens."""
    return ContextPorts(
        tokens=EstimatedTokens(size),
        factors=InMemoryFactors(),
        contexts=InMemoryContexts(),
        background=NoBackground(),
    )
