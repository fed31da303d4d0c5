"""Canaries in memory, with the behaviour of their tables."""

from __future__ import annotations

from uuid import UUID

from orchstack.control_plane.adapters.in_memory import InMemoryRecords, StoredCanary
from orchstack.control_plane.model.canaries import Canary


class InMemoryCanaries(InMemoryRecords):
    """Canaries in a list for each tenant, the oldest first."""

    def lock(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the running canary; the transaction's lock is on everything."""
        last = self.last(tenant_id, agent, alias)
        return None if last is None or last.end is not None else last

    def last(self, tenant_id: UUID, agent: str, alias: str) -> Canary | None:
        """Give the canary that runs, else the last that did."""
        stored = self._stored(tenant_id, agent, alias)
        return None if stored is None else stored.canary

    def start(self, tenant_id: UUID, canary: Canary) -> None:
        """Keep a new canary."""
        if self.lock(tenant_id, canary.agent, canary.alias) is not None:
            raise RuntimeError("a canary is running")
        self.tables.canaries.setdefault(tenant_id, []).append(StoredCanary(canary))

    def keep(self, tenant_id: UUID, canary: Canary) -> None:
        """Keep what became of the running canary."""
        stored = self._of(tenant_id, canary)
        if stored.canary.end is None:
            stored.canary = canary
            if canary.end is not None:
                stored.runs.clear()

    def take(self, tenant_id: UUID, canary: Canary, run_id: UUID) -> bool:
        """Mark a run as counted; False if it was."""
        runs = self._of(tenant_id, canary).runs
        known = run_id in runs
        runs.add(run_id)
        return not known

    def _of(self, tenant_id: UUID, canary: Canary) -> StoredCanary:
        named = (canary.agent, canary.alias, canary.generation)
        return next(
            stored
            for stored in self.tables.canaries[tenant_id]
            if named == (stored.canary.agent, stored.canary.alias, stored.canary.generation)
        )

    def _stored(self, tenant_id: UUID, agent: str, alias: str) -> StoredCanary | None:
        newest_first = reversed(self.tables.canaries.get(tenant_id, []))
        return next(
            (s for s in newest_first if (s.canary.agent, s.canary.alias) == (agent, alias)), None
        )
