"""What a run took, counted from its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchstack.agent_runtime.model.outcomes import GuardCounts, Outcome, ToolCounts
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import GuardWork, HandoffWork, Step, ToolWork
from orchstack.kernel.errors import Conflict


def outcome_of(run: Run, steps: Sequence[Step]) -> Outcome:
    """Measure a run that has ended. Raises Conflict while it has not."""
    if not run.over or run.finish_reason is None or run.finished_at is None:
        raise Conflict("The run has not ended; its outcome comes with its end.")
    return Outcome(
        tenant_id=run.tenant_id,
        run_id=run.id,
        agent=run.agent,
        version=run.version,
        status=run.status,
        variant=run.variant,
        key_id=run.key_id,
        mode=run.mode,
        forked=run.forked_from is not None,
        nested=run.parent is not None,
        finish_reason=run.finish_reason,
        error_code=None if run.fault is None else run.fault.code,
        usage=run.usage,
        cost_micro_usd=run.cost_micro_usd,
        step_count=run.step_count,
        latency_ms=run.stages,
        guards=_guards(steps),
        tools=_tools(steps),
        handoffs=sum(_handed_over(step) for step in steps),
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def _guards(steps: Sequence[Step]) -> GuardCounts:
    works = (step.work for step in steps if step.finished)
    counts = Counter(work.outcome.value for work in works if isinstance(work, GuardWork))
    return GuardCounts.model_validate(counts)


def _tools(steps: Sequence[Step]) -> ToolCounts:
    works = [s.work for s in steps if s.finished and isinstance(s.work, ToolWork)]
    failed = sum(work.is_error for work in works)
    return ToolCounts(ok=len(works) - failed, failed=failed)


def _handed_over(step: Step) -> bool:
    work = step.work
    return step.finished and isinstance(work, HandoffWork) and work.refusal is None
