"""The traces of runs, told from their journals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.loop.otlp import traces
from orchstack.agent_runtime.loop.trace import trace
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import Step, ToolWork
from orchstack.agent_runtime.model.traces import Traces
from orchstack.agent_runtime.ports_outcomes import RunReader
from orchstack.kernel.clock import Clock
from orchstack.kernel.spans import Span

# A run with more runs below it is shown as far as this.
MOST_RUNS: Final = 100


@dataclass(frozen=True, kw_only=True)
class RunTraces:
    """Tells traces; what is still under way lasts until now."""

    runs: RunReader
    clock: Clock

    def tree(self, tenant_id: UUID, run_id: UUID) -> Traces:
        """Tell of a run and of the runs that its tools were, a hundred at most. Raises NotFound."""
        told: list[tuple[Run, Sequence[Span]]] = []
        waiting = [run_id]
        with self.runs.transaction(tenant_id):
            while waiting and len(told) < MOST_RUNS:
                run, steps = self._read(tenant_id, waiting.pop(0))
                told.append((run, self._spans(run, steps)))
                waiting += _children(steps)
        return traces(told)

    def of_run(self, tenant_id: UUID, run_id: UUID) -> tuple[Run, Sequence[Span]]:
        """Give the spans of one run alone. Raises NotFound."""
        with self.runs.transaction(tenant_id):
            run, steps = self._read(tenant_id, run_id)
        return run, self._spans(run, steps)

    def _read(self, tenant_id: UUID, run_id: UUID) -> tuple[Run, tuple[Step, ...]]:
        return self.runs.run(tenant_id, run_id), self.runs.steps(tenant_id, run_id)

    def _spans(self, run: Run, steps: Sequence[Step]) -> Sequence[Span]:
        return trace(run, steps, run.finished_at or self.clock.now())


def _children(steps: Sequence[Step]) -> Iterator[UUID]:
    for step in steps:
        if isinstance(step.work, ToolWork) and step.work.child_run_id is not None:
            yield step.work.child_run_id
