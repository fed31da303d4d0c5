"""The state machine's part in memory: what was started is kept, for a test to carry it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from orchstack.kernel.errors import Unavailable


@dataclass
class InMemoryDurable:
    """Keeps the executions that were started, and the tokens that executions wait with."""

    started: list[tuple[UUID, UUID, int]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    # Whether nobody can reach it.
    away: bool = False

    def start(self, tenant_id: UUID, run_id: UUID, n: int) -> None:
        """Begin the n-th execution for a run; the same n again begins none. Raises Unavailable."""
        self._reach()
        if (tenant_id, run_id, n) not in self.started:
            self.started.append((tenant_id, run_id, n))

    def answer(self, token: str) -> bool:
        """Let the execution that waits with a token go on; False if none does."""
        self._reach()
        known = token in self.waiting
        self.waiting.discard(token)
        return known

    def _reach(self) -> None:
        if self.away:
            raise Unavailable
