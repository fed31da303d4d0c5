"""Traces of ended runs reach the collector, and what did not reach it is sent again."""

from __future__ import annotations

from datetime import timedelta

from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryCollector
from orchstack.agent_runtime.model.traces import Traces
from orchstack.agent_runtime.service.exporting import TraceExporter
from orchstack.agent_runtime.service.tracing import RunTraces
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.queues import Delivery
from tests.make import NOW
from tests.unit.agent_runtime.journals import JournalOf, journaled, model, tool
from tests.unit.agent_runtime.test_outcomes import delivery, ended


def exporter(journal: JournalOf, collector: InMemoryCollector) -> TraceExporter:
    """An exporter over one journal."""
    clock = ManualClock(NOW + timedelta(hours=1))
    return TraceExporter(traces=RunTraces(runs=journal, clock=clock), collector=collector)


def test_a_batch_is_one_message() -> None:
    """With the spans of each run."""
    journal, collector = journaled(model(), tool()), InMemoryCollector()
    batch = [delivery(ended(journal), name) for name in ("a", "b")]

    assert [] == exporter(journal, collector).take_in(batch)
    (sent,) = collector.taken
    assert 6 == len(sent.resource_spans[0].scope_spans[0].spans)


def test_what_cannot_be_told_harms_no_other() -> None:
    """A message that cannot be read, and one of a run that is not there, come again alone."""
    journal, collector = journaled(model()), InMemoryCollector()
    batch = [
        Delivery("bad", "{}"),
        delivery(ended(journaled()), "gone"),
        delivery(ended(journal), "good"),
    ]

    assert ["bad", "gone"] == exporter(journal, collector).take_in(batch)
    assert 1 == len(collector.taken)


def test_what_the_collector_refuses_comes_again() -> None:
    """All of the batch, and after five times it lies with the dead letters."""

    class Away(InMemoryCollector):
        def send(self, traces: Traces) -> None:
            del traces
            raise Unavailable

    journal = journaled(model())
    batch = [Delivery("bad", "{}"), delivery(ended(journal), "good")]

    assert ["bad", "good"] == exporter(journal, Away()).take_in(batch)


def test_nothing_to_tell_is_not_sent() -> None:
    """A batch of bad messages makes no request."""
    collector = InMemoryCollector()
    exporter(journaled(), collector).take_in([Delivery("bad", "{}")])

    assert [] == collector.taken
