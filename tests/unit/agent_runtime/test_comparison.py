"""Two versions are told apart when their outcomes show it, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryOutcomes
from orchstack.agent_runtime.loop.accounting import outcome_of
from orchstack.agent_runtime.model.outcomes import Judgement, Period
from orchstack.agent_runtime.model.reports import Comparison, Grouping
from orchstack.agent_runtime.model.runs import Stages
from orchstack.agent_runtime.model.steps import FinishReason
from orchstack.agent_runtime.service.comparison import VersionComparison
from orchstack.agent_runtime.service.usage import Usage
from orchstack.kernel.errors import InvalidRequest, NotFound
from orchstack.kernel.ids import new_id
from tests.make import NOW
from tests.unit.agent_runtime.journals import a_run

DAY = Period(since=NOW, until=NOW + timedelta(days=1))


class Record:
    """The outcomes of one tenant's agent."""

    def __init__(self) -> None:
        """Begin without any."""
        self.tenant_id: UUID = new_id()
        self.outcomes = InMemoryOutcomes()

    def ran(self, version: int, *, good: int, bad: int, cost: int = 10, **changes: Any) -> None:
        """Some runs of a version, good ones and such as were cut short."""
        reasons = [FinishReason.ANSWERED] * good + [FinishReason.MAX_STEPS] * bad
        for number, reason in enumerate(reasons):
            given = {"cost_micro_usd": cost + number % 3, "stages": Stages(total=number % 5)}
            run = a_run(
                tenant_id=self.tenant_id,
                version=version,
                finish_reason=reason,
                **{**given, **changes},
            )
            self.outcomes.record(outcome_of(run, ()))

    def compared(self, a: int = 1, b: int = 2) -> Comparison:
        """What comparing two versions shows."""
        service = VersionComparison(reports=self.outcomes)
        return service.compare(self.tenant_id, "adder", (a, b), DAY)


def test_a_better_version_is_called_better() -> None:
    """With the difference and how sure it is."""
    record = Record()
    record.ran(1, good=60, bad=40)
    record.ran(2, good=95, bad=5)
    found = record.compared()

    assert ("b", 0) == (found.verdict, found.more_runs)
    assert found.summary.startswith("B is better: its success rate is 35.0 points higher (95 %")
    assert "a" == record.compared(2, 1).verdict


def test_a_small_difference_needs_more_runs() -> None:
    """And is told how many."""
    record = Record()
    record.ran(1, good=50, bad=50)
    record.ran(2, good=60, bad=40)
    found = record.compared()

    assert ("undecided", 288) == (found.verdict, found.more_runs)
    assert "about 288 more runs of each version" in found.summary


def test_equal_versions_have_no_difference_to_look_for() -> None:
    """No number of runs is promised."""
    record = Record()
    record.ran(1, good=30, bad=10)
    record.ran(2, good=30, bad=10)

    assert ("undecided", None) == (record.compared().verdict, record.compared().more_runs)


def test_a_handful_of_runs_decides_nothing() -> None:
    """However different they look: below ten of each it is luck."""
    record = Record()
    record.ran(1, good=0, bad=9, cost=10)
    record.ran(2, good=9, bad=0, cost=99)
    found = record.compared()

    assert "undecided" == found.verdict
    assert found.differences.cost_micro_usd is not None
    assert found.differences.cost_micro_usd.better is None


def test_less_cost_and_latency_are_better_and_more_score_and_value() -> None:
    """Each with its own interval; what nobody reviewed has none."""
    record = Record()
    record.ran(1, good=40, bad=0, cost=10)
    record.ran(2, good=40, bad=0, cost=20)
    bare = record.compared().differences
    for (tenant_id, run_id), outcome in record.outcomes.kept.items():
        run = a_run(tenant_id=tenant_id, id=run_id)
        said = Judgement(score=outcome.version / 4, business_value_micro_usd=outcome.version)
        record.outcomes.review(run, said, reviewer="Ann", at=NOW)
    found = record.compared().differences

    assert bare.cost_micro_usd is not None
    assert pytest.approx(10) == bare.cost_micro_usd.estimate
    assert "a" == bare.cost_micro_usd.better
    assert (None, None) == (bare.score, bare.business_value_micro_usd)
    assert found.score is not None
    assert found.business_value_micro_usd is not None
    assert ("b", "b") == (found.score.better, found.business_value_micro_usd.better)


def test_what_cannot_be_compared_is_said() -> None:
    """One version with itself, and a version without outcomes, by its number."""
    record = Record()
    record.ran(1, good=1, bad=0)
    with pytest.raises(InvalidRequest):
        record.compared(1, 1)
    with pytest.raises(NotFound, match="version 2 of adder"):
        record.compared()


def test_statistics_tell_what_a_success_costs() -> None:
    """All runs are paid for, and only the good ones count; without one there is no price."""
    record = Record()
    record.ran(1, good=2, bad=1, cost=10)
    record.ran(2, good=0, bad=2)
    second, first = Usage(reports=record.outcomes).stats(record.tenant_id, "adder", DAY).versions

    assert (33 / 2, None) == (first.cost_per_success_micro_usd, second.cost_per_success_micro_usd)
    assert first.success_rate.low < 2 / 3 < first.success_rate.high


def test_a_report_says_what_it_left_out() -> None:
    """After a thousand groups; the total is that of the groups shown."""
    record = Record()
    for _ in range(1_001):
        record.ran(1, good=1, bad=0, key_id=new_id())
    report = Usage(reports=record.outcomes).report(record.tenant_id, DAY, Grouping.KEY)

    assert (1_000, True, 1_000) == (len(report.rows), report.truncated, report.total.runs)
