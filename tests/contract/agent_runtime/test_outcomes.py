"""What every store of outcomes does."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import pytest

from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryOutcomes
from orchstack.agent_runtime.adapters.outcome_reports import PostgresReports
from orchstack.agent_runtime.adapters.outcomes import PostgresOutcomes
from orchstack.agent_runtime.loop.accounting import outcome_of
from orchstack.agent_runtime.model.outcomes import (
    Judgement,
    Outcome,
    OutcomeChoice,
    Period,
    Review,
)
from orchstack.agent_runtime.model.reports import Grouping
from orchstack.agent_runtime.model.runs import Origin, Parent, Run, Stages
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus
from orchstack.agent_runtime.ports_outcomes import Outcomes, Reports
from orchstack.kernel.chat import Usage
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from tests import make
from tests.make import NOW
from tests.unit.agent_runtime.journals import a_run, handed_over, steps_of, tool

TENANT = new_id()
DAY = Period(since=NOW, until=NOW + timedelta(days=1))


class Store(Outcomes, Reports, Protocol):
    """Keeps outcomes and adds them up."""


class InPostgres(PostgresOutcomes, PostgresReports):
    """Both over one database."""


@dataclass(frozen=True)
class Kept:
    """A store, and the runs it is told of."""

    store: Store
    database: Database | None

    def run(self, **changes: Any) -> Run:
        """A run on record."""
        run = a_run(tenant_id=TENANT, **changes)
        if self.database is not None:
            _insert(self.database, run)
        return run

    def ended(self, **changes: Any) -> Outcome:
        """The outcome of a run, recorded."""
        run = self.run(**changes)
        outcome = outcome_of(run, steps_of(tool(), tool(failed=True), handed_over()))
        assert self.store.record(outcome)
        return outcome

    def review(self, run_id: UUID, **said: Any) -> Review | None:
        """Review a run."""
        run = a_run(tenant_id=TENANT, id=run_id)
        judgement = Judgement.model_validate(said)
        return self.store.review(run, judgement, reviewer="Ann", at=NOW)

    def page(self, **choice: Any) -> list[Outcome]:
        """The outcomes of a day."""
        chosen = OutcomeChoice(**{"period": DAY, **choice})
        return [o for o, _ in self.store.page(TENANT, chosen, limit=10, before=None)]


_INSERT = """
insert into app.runs (
    tenant_id, run_id, agent, version, key_id, trace_id, mode, input, status, created_at,
    finished_at
)
values (%s, %s, %s, %s, %s, '', 'wait', '', 'failed', now(), now())
"""


def _insert(database: Database, run: Run) -> None:
    with database.transaction(run.tenant_id) as tx:
        tx.execute(_INSERT, (run.tenant_id, run.id, run.agent, run.version, run.key_id))


@pytest.fixture(params=["memory", "postgres"])
def kept(request: pytest.FixtureRequest) -> Kept:
    """The stores."""
    if request.param == "memory":
        return Kept(InMemoryOutcomes(), None)
    database = request.getfixturevalue("database")
    return Kept(InPostgres(database), database)


def test_an_outcome_is_read_as_it_was_recorded(kept: Kept) -> None:
    """Every figure and every count."""
    outcome = kept.ended(variant="canary")

    assert outcome == kept.store.outcome(TENANT, outcome.run_id)
    assert [outcome] == kept.page()


def test_a_run_has_one_outcome(kept: Kept) -> None:
    """The first stays, and the second is told so."""
    outcome = kept.ended()
    other = outcome.model_copy(update={"cost_micro_usd": 9})

    assert not kept.store.record(other)
    assert outcome == kept.store.outcome(TENANT, outcome.run_id)


def test_what_another_tenant_asks_for_is_not_there(kept: Kept) -> None:
    """Neither outcomes nor reviews nor figures."""
    run_id = kept.ended().run_id
    kept.review(run_id, success=True)
    stranger, store = new_id(), kept.store

    assert store.outcome(stranger, run_id) is None
    assert () == store.reviews(stranger, run_id)
    assert [] == store.page(stranger, OutcomeChoice(period=DAY), limit=9, before=None)
    assert [] == store.usage(stranger, DAY, Grouping.DAY, 9)
    assert [] == store.figures(stranger, "adder", DAY)


def test_the_last_review_counts_and_all_are_kept(kept: Kept) -> None:
    """Whole: what the second does not say, nobody says any more."""
    run_id = kept.ended().run_id
    kept.review(run_id, success=True, score=0.5, comment="Fine.")
    kept.review(run_id, success=False, label="wrong")
    second, first = kept.store.reviews(TENANT, run_id)
    ((_, counts),) = kept.store.page(TENANT, OutcomeChoice(period=DAY), limit=9, before=None)

    assert (1, True, 0.5, "Fine.", "Ann") == _said(first)
    assert (2, False, None, "", "Ann") == _said(second)
    assert second == counts


def _said(review: Review) -> tuple[Any, ...]:
    return review.revision, review.success, review.score, review.comment, review.reviewer


def test_the_same_review_again_changes_nothing(kept: Kept) -> None:
    """No revision is added, and the store says so."""
    run_id = kept.ended().run_id

    assert kept.review(run_id, success=True) is not None
    assert kept.review(run_id, success=True) is None
    assert 1 == len(kept.store.reviews(TENANT, run_id))


def test_reviews_at_the_same_time_queue_up(kept: Kept) -> None:
    """Each gets a revision of its own, without a gap, and one of them counts."""
    run_id = kept.ended().run_id

    def say(number: int) -> None:
        kept.review(run_id, score=number / 20)
        if kept.database is not None:
            kept.database.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(20)))

    assert list(range(20, 0, -1)) == [r.revision for r in kept.store.reviews(TENANT, run_id)]


def test_a_review_may_come_before_the_outcome(kept: Kept) -> None:
    """It then counts from the outcome's first moment on."""
    run = kept.run()
    said = kept.review(run.id, success=False)
    kept.store.record(outcome_of(run, ()))

    assert [said] == [
        r for _, r in kept.store.page(TENANT, OutcomeChoice(period=DAY), limit=9, before=None)
    ]


def test_what_reviewers_wrote_can_be_erased(kept: Kept) -> None:
    """Of every revision; how they judged stays."""
    run_id = kept.ended().run_id
    kept.review(run_id, score=0.1, comment="He is Jane Doe.")
    kept.review(run_id, score=0.2, comment="She is Jane Doe.")
    kept.store.erase(a_run(tenant_id=TENANT, id=run_id))

    assert [("", 0.2), ("", 0.1)] == [
        (review.comment, review.score) for review in kept.store.reviews(TENANT, run_id)
    ]


def test_outcomes_are_listed_by_their_end_and_filtered(kept: Kept) -> None:
    """The last to end first, below a place; by agent, version, label and period."""
    ends = [NOW + timedelta(minutes=minute) for minute in (1, 2, 3)]
    first, second, third = (
        kept.ended(finished_at=end, version=n + 1) for n, end in enumerate(ends)
    )
    kept.review(second.run_id, label="odd")
    choice = OutcomeChoice(period=DAY)
    below = kept.store.page(TENANT, choice, limit=1, before=(ends[2], third.run_id))

    assert [third, second, first] == kept.page()
    assert [second] == [outcome for outcome, _ in below]
    assert [first] == kept.page(version=1)
    assert [second] == kept.page(label="odd", agent="adder")
    assert [] == kept.page(agent="nobody")
    assert [second] == kept.page(period=Period(since=ends[1], until=ends[2]))


def test_usage_adds_up_by_group(kept: Kept) -> None:
    """Days in order, else the dearest first; no more groups than asked for."""
    key = new_id()
    kept.ended(cost_micro_usd=5, finished_at=NOW)
    kept.ended(cost_micro_usd=7, key_id=key, agent="clerk", finished_at=NOW + timedelta(hours=30))
    kept.ended(status=RunStatus.FAILED, cost_micro_usd=1, finished_at=NOW + timedelta(hours=2))
    days = Period(since=NOW, until=NOW + timedelta(days=2))
    by = {by: kept.store.usage(TENANT, days, by, 9) for by in Grouping}
    one = kept.store.usage(TENANT, days, Grouping.AGENT, 1)

    assert [(NOW.date(), 2, 1, 6)] == [
        (row.day, row.runs, row.failures, row.cost_micro_usd) for row in by[Grouping.DAY][:1]
    ]
    assert [("clerk", 7, 40), ("adder", 6, 80)] == [
        (row.agent, row.cost_micro_usd, row.input_tokens) for row in by[Grouping.AGENT]
    ]
    assert [("clerk", 3), ("adder", 3)] == [(r.agent, r.version) for r in by[Grouping.VERSION]]
    assert key == by[Grouping.KEY][0].key_id
    assert 1 == len(one)


def test_what_an_asked_agent_took_is_counted_once(kept: Kept) -> None:
    """Its run is part of the run that asked it, whose cost holds it already."""
    asking = kept.ended(cost_micro_usd=9, finished_at=NOW)
    parent = Parent(run_id=asking.run_id, step=4, depth=1, agents=("adder",))
    kept.ended(cost_micro_usd=4, finished_at=NOW, agent="clerk", parent=parent)

    (row,) = kept.store.usage(TENANT, DAY, Grouping.AGENT, 9)

    assert ("adder", 1, 9) == (row.agent, row.runs, row.cost_micro_usd)


def _three(kept: Kept) -> Iterable[Outcome]:
    """An answer that took two seconds, one that took one, and one that was cut short."""
    for total, reason in ((2_000, "answered"), (1_000, "answered"), (4_000, "max_steps")):
        yield kept.ended(
            stages=Stages(total=total),
            cost_micro_usd=total // 10,
            finish_reason=FinishReason(reason),
            usage=Usage(input_tokens=10, output_tokens=1),
        )


def test_figures_add_up_by_version(kept: Kept) -> None:
    """Success as reviewed, else as the run ended; percentiles run between the ranks."""
    first, _, _ = _three(kept)
    kept.review(first.run_id, success=False, score=0.5, business_value_micro_usd=-10)
    kept.ended(version=4)
    kept.ended(version=9, forked_from=Origin(run_id=new_id(), step=1))
    newest, figures = kept.store.figures(TENANT, "adder", DAY)
    latency, cost = figures.latency_sample, figures.cost_sample

    assert (4, 3, 3, 1, 1) == (
        newest.version,
        figures.version,
        figures.runs,
        figures.successes,
        figures.reviewed,
    )
    assert (30, 3, 700, -10) == (
        figures.input_tokens,
        figures.output_tokens,
        figures.total_cost,
        figures.total_value,
    )
    assert {"answered": 2, "max_steps": 1} == figures.finish_reasons
    assert (2_000.0, 3_800.0, 3_960.0) == pytest.approx(
        (figures.latency.p50, figures.latency.p95, figures.latency.p99)
    )
    assert (3, 7_000 / 3, 2_333_333.3333) == pytest.approx(
        (latency.count, latency.mean, latency.variance)
    )
    assert (3, 700 / 3, 23_333.3333) == pytest.approx((cost.count, cost.mean, cost.variance))
    assert figures.score_sample is not None
    assert {"count": 1, "mean": 0.5, "variance": 0} == asdict(figures.score_sample)


def test_figures_of_chosen_versions_come_alone(kept: Kept) -> None:
    """However many others there are."""
    for version in (1, 2, 3):
        kept.ended(version=version)
    chosen = kept.store.figures(TENANT, "adder", DAY, versions=(1, 3))

    assert [3, 1] == [figures.version for figures in chosen]


def _break_off(kept: Kept, run: Run) -> None:
    with kept.store.transaction(TENANT):
        kept.store.record(outcome_of(run, ()))
        kept.store.announce(TENANT, make.announcement(TENANT))
        raise KeyError


def test_an_error_undoes_outcome_and_announcement(kept: Kept) -> None:
    """What was done in one transaction lasts whole or not at all."""
    run = kept.run()
    with pytest.raises(KeyError):
        _break_off(kept, run)

    assert kept.store.outcome(TENANT, run.id) is None
