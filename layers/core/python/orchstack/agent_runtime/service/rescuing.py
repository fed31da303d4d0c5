"""Lets the state machine carry on a run that nobody drives."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchstack.agent_runtime.ports import Durable, Journal
from orchstack.kernel.errors import NotFound, Unavailable
from orchstack.kernel.observability import bind, logger


@dataclass(frozen=True, kw_only=True)
class Rescuer:
    """Starts executions for runs that were found adrift; one too many harms nothing."""

    journal: Journal
    durable: Durable

    def rescue(self, tenant_id: UUID, run_id: UUID) -> bool:
        """Start the machine for a run; False if that was not to be had now."""
        with bind(tenant_id=tenant_id, run_id=run_id):
            try:
                with self.journal.transaction(tenant_id):
                    n = self.journal.count_start(tenant_id, run_id)
                self.durable.start(tenant_id, run_id, n)
            except (NotFound, Unavailable) as error:
                logger.warning("run still adrift", extra={"reason": error.detail})
                return False
            logger.warning("run was adrift", extra={"starts": n})
        return True
