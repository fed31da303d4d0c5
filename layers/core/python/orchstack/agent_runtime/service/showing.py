"""Shows runs: one with its journal, or a page of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.runs import RunDetail, RunFilter, RunView
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports import Journal
from orchstack.kernel.pagination import Page, PageQuery, paginate, position_of

_LISTING: Final = "runs"


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """The runs of a tenant, as they are written down."""

    journal: Journal

    def detail(self, tenant_id: UUID, run_id: UUID) -> RunDetail:
        """Show a run with its steps. Raises NotFound."""
        with self.journal.transaction(tenant_id):
            run = self.journal.run(tenant_id, run_id)
            return RunDetail.with_steps(run, self.journal.steps(tenant_id, run_id))

    def page(
        self,
        tenant_id: UUID,
        query: PageQuery,
        *,
        agent: str | None = None,
        status: RunStatus | None = None,
    ) -> Page[RunView]:
        """Show runs, newest first. Raises InvalidCursor."""
        before = position_of(query.cursor, _LISTING, UUID)
        chosen = RunFilter(limit=query.limit + 1, before=before, agent=agent, status=status)
        with self.journal.transaction(tenant_id):
            runs = self.journal.page(tenant_id, chosen)
        return paginate(
            runs,
            limit=query.limit,
            listing=_LISTING,
            position=lambda run: str(run.id),
            item=RunView.of,
        )
