"""Shows the steps of a run, and two runs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.loop.compare import compare
from orchstack.agent_runtime.model.diffs import RunDiff
from orchstack.agent_runtime.model.runs import Run, StepView
from orchstack.agent_runtime.model.steps import Step
from orchstack.agent_runtime.ports_records import Archive
from orchstack.kernel.errors import Gone, NotFound
from orchstack.kernel.pagination import Page, PageQuery, number_up_to, paginate, position_of

_LISTING: Final = "steps"
MAX_SEQ: Final = 2_147_483_646
ERASED: Final = "The texts of run {run_id} were erased; what it took can still be seen."


@dataclass(frozen=True, kw_only=True)
class RunSteps:
    """The journals of a tenant's runs, read."""

    archive: Archive

    def page(self, tenant_id: UUID, run_id: UUID, query: PageQuery) -> Page[StepView]:
        """Show steps in order. Raises NotFound, InvalidCursor."""
        behind = position_of(query.cursor, _LISTING, number_up_to(MAX_SEQ)) or 0
        with self.archive.transaction(tenant_id):
            run = self.archive.run(tenant_id, run_id)
            steps = self.archive.steps(tenant_id, run_id, since=behind + 1, limit=query.limit + 1)
        return paginate(
            steps,
            limit=query.limit,
            listing=_LISTING,
            position=lambda step: str(step.seq),
            item=lambda step: StepView.of(step, run),
        )

    def step(self, tenant_id: UUID, run_id: UUID, seq: int) -> StepView:
        """Show one step. Raises NotFound."""
        with self.archive.transaction(tenant_id):
            run = self.archive.run(tenant_id, run_id)
            steps = self.archive.steps(tenant_id, run_id, since=seq, limit=1)
        if not steps or steps[0].seq != seq:
            raise NotFound(f"Run {run_id} has no step {seq}; its steps can be listed.")
        return StepView.of(steps[0], run)

    def diff(self, tenant_id: UUID, run_id: UUID, other_id: UUID) -> RunDiff:
        """Compare two runs. Raises NotFound, and Gone if the texts of one were erased."""
        with self.archive.transaction(tenant_id):
            run, steps = self.recorded(tenant_id, run_id)
            other, other_steps = self.recorded(tenant_id, other_id)
        return compare(run, steps, other, other_steps)

    def recorded(self, tenant_id: UUID, run_id: UUID) -> tuple[Run, tuple[Step, ...]]:
        """Give a run and its steps. Raises NotFound, and Gone if its texts were erased."""
        with self.archive.transaction(tenant_id):
            # The steps first: a record read later is never behind them.
            steps = self.archive.steps(tenant_id, run_id)
            run = self.archive.run(tenant_id, run_id)
        if run.erased_at is not None:
            raise Gone(ERASED.format(run_id=run_id))
        return run, steps
