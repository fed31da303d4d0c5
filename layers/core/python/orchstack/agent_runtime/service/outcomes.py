"""Takes in how runs ended, and measures it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import ConfigDict, ValidationError

from orchstack.agent_runtime.loop.accounting import outcome_of
from orchstack.agent_runtime.model.outcomes import Outcome
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports_outcomes import Canaries, Metrics, Outcomes, RunReader
from orchstack.kernel.errors import InvalidRequest, OrchStackError
from orchstack.kernel.events import Event
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.observability import bind, logger
from orchstack.kernel.queues import Delivery

ENDS: Final = ("RunCompleted", "RunFailed", "RunCancelled")


class _Ended(Frozen):
    """What the events of all ends have in common."""

    model_config = ConfigDict(extra="ignore")

    run_id: UUID


def ended_run(event: Event) -> UUID:
    """Give the run whose end an event tells of. Raises InvalidRequest, pydantic's error."""
    if event.type.split(".")[1] not in ENDS:
        raise InvalidRequest(f"{event.type} tells of no end of a run.")
    return _Ended.model_validate(event.data).run_id


@dataclass(frozen=True, kw_only=True)
class OutcomeTracker:
    """Keeps one outcome a run, however often its end is told: measured from the run's journal."""

    runs: RunReader
    outcomes: Outcomes
    canaries: Canaries
    metrics: Metrics

    def take_in(self, deliveries: Iterable[Delivery]) -> list[str]:
        """Take in messages; gives the ids of those that are to be delivered again."""
        return [d.message_id for d in deliveries if not self._taken(d)]

    def _taken(self, delivery: Delivery) -> bool:
        try:
            event = delivery.event()
            run_id = ended_run(event)
            with bind(tenant_id=event.tenantid, run_id=run_id):
                self._record(event.tenantid, run_id)
        except (ValidationError, OrchStackError):
            logger.exception("outcome not taken in", extra={"message_id": delivery.message_id})
            return False
        return True

    def _record(self, tenant_id: UUID, run_id: UUID) -> None:
        with self.outcomes.transaction(tenant_id), self.runs.transaction(tenant_id):
            run = self.runs.run(tenant_id, run_id)
            outcome = outcome_of(run, self.runs.steps(tenant_id, run_id))
            if not self.outcomes.record(outcome):
                return
            self._observe(outcome)
        self.metrics.measure(outcome)

    def _observe(self, outcome: Outcome) -> None:
        """Tell the watch over canaries, in the same transaction: so it hears of each run once.

        Only runs that a weighted alias sent to their version speak for it; a fork may run under
        other instructions.
        """
        if outcome.variant is None or outcome.forked:
            return
        self.canaries.observe(
            outcome.tenant_id,
            outcome.agent,
            outcome.version,
            outcome.run_id,
            failed=outcome.status is RunStatus.FAILED,
            cost_micro_usd=outcome.cost_micro_usd,
        )
