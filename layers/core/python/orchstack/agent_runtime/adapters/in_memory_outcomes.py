"""What became of runs, in memory, with the same promises as the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from orchstack.agent_runtime.model.events import Outcome


@dataclass
class InMemoryOutcomes:
    """Keeps outcomes by run."""

    kept: dict[tuple[UUID, UUID], Outcome] = field(default_factory=dict)
    inbox: set[tuple[UUID, str]] = field(default_factory=set)

    def record(self, outcome: Outcome, *, message_id: str) -> bool:
        """Keep an outcome; False if this message was taken in before."""
        if (outcome.tenant_id, message_id) in self.inbox:
            return False
        self.inbox.add((outcome.tenant_id, message_id))
        self.kept.setdefault((outcome.tenant_id, outcome.run_id), outcome)
        return True


@dataclass
class InMemoryMetrics:
    """Keeps what was measured."""

    measured: list[Outcome] = field(default_factory=list)

    def measure(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.measured.append(outcome)
