"""Sends the traces of ended runs to the operator's collector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from orchstack.agent_runtime.loop.otlp import traces
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.ports_outcomes import TraceCollector
from orchstack.agent_runtime.service.outcomes import ended_run
from orchstack.agent_runtime.service.tracing import RunTraces
from orchstack.kernel.errors import OrchStackError
from orchstack.kernel.observability import logger
from orchstack.kernel.queues import Delivery
from orchstack.kernel.spans import Span

_Told = tuple[Run, Sequence[Span]]


@dataclass(frozen=True, kw_only=True)
class TraceExporter:
    """One message to the collector a batch; a span sent again has the same id as before."""

    traces: RunTraces
    collector: TraceCollector

    def take_in(self, deliveries: Iterable[Delivery]) -> list[str]:
        """Send the runs of a batch; gives the messages that are to be delivered again."""
        told: dict[str, _Told] = {}
        failed: list[str] = []
        for delivery in deliveries:
            spans = self._told(delivery)
            if spans is None:
                failed.append(delivery.message_id)
            else:
                told[delivery.message_id] = spans
        return failed if self._sent(list(told.values())) else [*failed, *told]

    def _told(self, delivery: Delivery) -> _Told | None:
        try:
            event = delivery.event()
            return self.traces.of_run(event.tenantid, ended_run(event))
        except (ValidationError, OrchStackError):
            logger.exception("trace not told", extra={"message_id": delivery.message_id})
            return None

    def _sent(self, told: list[_Told]) -> bool:
        if not told:
            return True
        try:
            self.collector.send(traces(told))
        except OrchStackError:
            logger.exception("traces not sent", extra={"runs": len(told)})
            return False
        return True
