"""What becomes of runs is kept once and measured once."""

from __future__ import annotations

import json
from uuid import uuid4

from orchstack.agent_runtime.adapters.emf import EmfMetrics
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryMetrics, InMemoryOutcomes
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.service.outcomes import OutcomeTracker
from orchstack.kernel.errors import NoProviderAvailable
from orchstack.kernel.events import Event
from orchstack.kernel.queues import Delivery
from tests.contract.agent_runtime.worlds import Script, in_memory, says


def ended(script: Script) -> Event:
    """The event that tells of a run's end."""
    stage = in_memory(script)
    stage.stream()
    journal = stage.world.journal
    assert isinstance(journal, InMemoryJournal)
    return journal.announced[-1].events[-1]


def delivery(event: Event, message_id: str = "m1") -> Delivery:
    """The event as a rule puts it on the queue."""
    relayed = {"version": "0", "detail-type": event.type, "detail": event.model_dump(mode="json")}
    return Delivery(message_id, json.dumps(relayed))


def tracker() -> tuple[OutcomeTracker, InMemoryOutcomes, InMemoryMetrics]:
    """A tracker and where it keeps things."""
    outcomes, metrics = InMemoryOutcomes(), InMemoryMetrics()
    return OutcomeTracker(outcomes=outcomes, metrics=metrics), outcomes, metrics


def test_an_outcome_is_kept_once_however_often_it_is_delivered() -> None:
    """Also under another message id, as a relay that repeats itself sends it."""
    take, outcomes, metrics = tracker()
    event = ended([says("Hi.")])
    failed = take.take_in([delivery(event), delivery(event), delivery(event, "m2")])

    assert [] == failed
    assert (1, 1) == (len(outcomes.kept), len(metrics.measured))


def test_a_message_that_cannot_be_read_harms_no_other() -> None:
    """Only it is delivered again."""
    take, outcomes, _ = tracker()
    bad = Delivery("bad", "{}")

    assert ["bad"] == take.take_in([bad, delivery(ended([says("Hi.")]))])
    assert 1 == len(outcomes.kept)


def test_an_outcome_says_what_the_run_took() -> None:
    """Status, tokens, money, and the error of a failed run."""
    take, outcomes, _ = tracker()
    take.take_in([delivery(ended([says("Hi.", cost=7)]), "1")])
    take.take_in([delivery(ended([NoProviderAvailable()]), "2")])
    completed, failed = outcomes.kept.values()

    assert (RunStatus.COMPLETED, 7, 15) == (
        completed.status,
        completed.cost_micro_usd,
        completed.usage.total,
    )
    assert (RunStatus.FAILED, "no_provider_available") == (failed.status, failed.error_code)


def test_figures_go_out_in_the_embedded_metric_format() -> None:
    """One line of JSON, with each metric that it declares, by tenant and agent."""
    take, outcomes, _ = tracker()
    take.take_in([delivery(ended([says("Hi.")]), str(uuid4()))])
    lines: list[str] = []
    EmfMetrics(lines.append).measure(next(iter(outcomes.kept.values())))
    line = json.loads(lines[0])
    declared = line["_aws"]["CloudWatchMetrics"][0]

    assert {metric["Name"] for metric in declared["Metrics"]} <= set(line)
    assert all(name in line for names in declared["Dimensions"] for name in names)
    assert (1, 0, 3) == (line["Runs"], line["FailedRuns"], line["CostMicroUsd"])
