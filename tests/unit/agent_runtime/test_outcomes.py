"""What becomes of runs is kept once and measured once."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from orchstack.agent_runtime.adapters.emf import EmfMetrics
from orchstack.agent_runtime.adapters.in_memory_outcomes import (
    InMemoryCanaries,
    InMemoryMetrics,
    InMemoryOutcomes,
)
from orchstack.agent_runtime.loop.accounting import outcome_of
from orchstack.agent_runtime.model.outcomes import GuardCounts, ToolCounts
from orchstack.agent_runtime.model.runs import Origin
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus
from orchstack.agent_runtime.service.outcomes import OutcomeTracker
from orchstack.kernel.errors import Conflict, Unavailable
from orchstack.kernel.events import Event
from orchstack.kernel.queues import Delivery
from tests import make
from tests.unit.agent_runtime.journals import JournalOf, a_run, handed_over, journaled, model, tool


def delivery(event: Event, message_id: str = "m1") -> Delivery:
    """The event as a rule puts it on the queue."""
    relayed = {"version": "0", "detail-type": event.type, "detail": event.model_dump(mode="json")}
    return Delivery(message_id, json.dumps(relayed))


def ended(journal: JournalOf, kind: str = "RunCompleted") -> Event:
    """The event that tells of a run's end."""
    run = journal.known
    data = {"run_id": str(run.id), "agent": run.agent}
    return make.event(run.tenant_id, type=f"agent_runtime.{kind}.v1", data=data)


def tracker(journal: JournalOf, **changes: Any) -> OutcomeTracker:
    """A tracker over a journal."""
    given = {
        "outcomes": InMemoryOutcomes(),
        "canaries": InMemoryCanaries(),
        "metrics": InMemoryMetrics(),
    }
    return OutcomeTracker(runs=journal, **{**given, **changes})


def test_an_outcome_is_kept_once_however_often_it_is_delivered() -> None:
    """Also under another message id, as a relay that repeats itself sends it."""
    journal = journaled(variant="stable")
    metrics, canaries = InMemoryMetrics(), InMemoryCanaries()
    take = tracker(journal, metrics=metrics, canaries=canaries)
    event = ended(journal)
    failed = take.take_in([delivery(event), delivery(event), delivery(event, "m2")])

    assert [] == failed
    assert (1, 1) == (len(metrics.measured), len(canaries.observed))


def test_a_message_that_cannot_be_read_harms_no_other() -> None:
    """Only it is delivered again, and so is one that tells of something else."""
    journal = journaled()
    metrics = InMemoryMetrics()
    other = make.event(journal.known.tenant_id)
    batch = [Delivery("bad", "{}"), delivery(other, "other"), delivery(ended(journal), "good")]

    assert ["bad", "other"] == tracker(journal, metrics=metrics).take_in(batch)
    assert 1 == len(metrics.measured)


@pytest.mark.parametrize("kind", ["RunCompleted", "RunFailed", "RunCancelled"])
def test_every_end_has_an_outcome(kind: str) -> None:
    """Which event told of it does not matter: the run's record says how it ended."""
    journal = journaled(status=RunStatus.CANCELLED, finish_reason=FinishReason.CANCELLED)
    metrics = InMemoryMetrics()
    tracker(journal, metrics=metrics).take_in([delivery(ended(journal, kind))])

    assert [RunStatus.CANCELLED] == [outcome.status for outcome in metrics.measured]


def test_a_watch_that_fails_leaves_no_outcome() -> None:
    """The message is delivered again, and the run is then observed: once in all."""

    class Away(InMemoryCanaries):
        def observe(self, *_: Any, **__: Any) -> bool:
            raise Unavailable

    journal, outcomes = journaled(variant="canary"), InMemoryOutcomes()
    canaries = InMemoryCanaries()
    message = delivery(ended(journal))
    failed = tracker(journal, outcomes=outcomes, canaries=Away()).take_in([message])

    assert (["m1"], {}) == (failed, outcomes.kept)
    assert [] == tracker(journal, outcomes=outcomes, canaries=canaries).take_in([message])
    assert 1 == len(canaries.observed)


@pytest.mark.parametrize(
    "changes",
    [{"variant": None}, {"variant": "canary", "forked_from": Origin(run_id=uuid4(), step=2)}],
)
def test_only_what_an_alias_sent_speaks_for_a_canary(changes: dict[str, Any]) -> None:
    """Neither a run that asked for its version, nor a fork, which may have other instructions."""
    journal = journaled(**changes)
    metrics, canaries = InMemoryMetrics(), InMemoryCanaries()
    tracker(journal, metrics=metrics, canaries=canaries).take_in([delivery(ended(journal))])

    assert (1, []) == (len(metrics.measured), canaries.observed)


def test_the_journal_is_counted() -> None:
    """Guards by what they decided, tools by how they ended, hand-offs that were not refused."""
    steps = (
        *(tool(failed=failed) for failed in (False, True, False)),
        handed_over(),
        handed_over(refusal="too deep"),
        model(),
    )
    journal = journaled(*steps)
    outcome = outcome_of(journal.known, journal.written)

    assert ToolCounts(ok=2, failed=1) == outcome.tools
    assert GuardCounts(allowed=1) == outcome.guards
    assert 1 == outcome.handoffs


def test_a_run_under_way_has_no_outcome() -> None:
    """It comes with the run's end."""
    with pytest.raises(Conflict):
        outcome_of(a_run(status=RunStatus.RUNNING, finish_reason=None, finished_at=None), ())


def test_figures_go_out_in_the_embedded_metric_format() -> None:
    """One line of JSON, with each metric that it declares; no dimension grows with the runs."""
    lines: list[str] = []
    journal = journaled(tool(failed=True))
    EmfMetrics(lines.append).measure(outcome_of(journal.known, journal.written))
    line = json.loads(lines[0])
    declared = line["_aws"]["CloudWatchMetrics"]

    assert {m["Name"] for d in declared for m in d["Metrics"]} <= set(line)
    assert {"service", "tenant_id", "agent"} == {
        name for d in declared for names in d["Dimensions"] for name in names
    }
    assert (1, 0, 1, 1) == tuple(
        line[name] for name in ("Runs", "FailedRuns", "ToolCalls", "FailedToolCalls")
    )
