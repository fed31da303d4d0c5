"""Takes in how runs ended, and measures it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from orchstack.agent_runtime.model.events import Outcome, RunCompleted, RunFailed
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports import Metrics, Outcomes
from orchstack.kernel.errors import OrchStackError
from orchstack.kernel.events import Event
from orchstack.kernel.observability import bind, logger
from orchstack.kernel.queues import Delivery


@dataclass(frozen=True, kw_only=True)
class OutcomeTracker:
    """Keeps one outcome a run, however often its event is delivered."""

    outcomes: Outcomes
    metrics: Metrics

    def take_in(self, deliveries: Iterable[Delivery]) -> list[str]:
        """Take in messages; gives the ids of those that are to be delivered again."""
        return [d.message_id for d in deliveries if not self._taken(d)]

    def _taken(self, delivery: Delivery) -> bool:
        try:
            event = delivery.event()
            outcome = _outcome(event)
            with bind(tenant_id=outcome.tenant_id, run_id=outcome.run_id):
                if self.outcomes.record(outcome, message_id=str(event.id)):
                    self.metrics.measure(outcome)
        except (ValidationError, OrchStackError):
            logger.exception("outcome not taken in", extra={"message_id": delivery.message_id})
            return False
        return True


def _outcome(event: Event) -> Outcome:
    failed = event.type.startswith("agent_runtime.RunFailed.")
    ended = (RunFailed if failed else RunCompleted).model_validate(event.data)
    return Outcome(
        tenant_id=event.tenantid,
        run_id=ended.run_id,
        agent=ended.agent,
        version=ended.version,
        status=RunStatus.FAILED if failed else RunStatus.COMPLETED,
        finish_reason=ended.finish_reason,
        error_code=ended.error.code if isinstance(ended, RunFailed) else None,
        usage=ended.usage,
        cost_micro_usd=ended.cost_micro_usd,
        step_count=ended.step_count,
        latency_ms=ended.latency_ms.total,
        finished_at=ended.finished_at,
    )
