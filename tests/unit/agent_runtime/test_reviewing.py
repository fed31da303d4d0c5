"""Runs are reviewed, and every review leaves its trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryOutcomes
from orchstack.agent_runtime.loop.accounting import outcome_of
from orchstack.agent_runtime.model.outcomes import Judgement, OutcomeChoice, OutcomeDetail, Period
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus
from orchstack.agent_runtime.service.reviewing import Reviewing
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import InvalidCursor, NotFound
from orchstack.kernel.ids import new_id
from orchstack.kernel.pagination import encode_cursor
from orchstack.kernel.tenancy import Principal
from tests import make
from tests.make import NOW
from tests.unit.agent_runtime.journals import JournalOf, a_run, journaled

ALWAYS = OutcomeChoice(period=Period(since=NOW.replace(year=2020), until=NOW.replace(year=2030)))


class Desk:
    """A reviewer at work on one run."""

    def __init__(self, *, recorded: bool = True, **changes: Any) -> None:
        """Take how the run ended, and whether that was taken in."""
        self.journal: JournalOf = journaled(**changes)
        self.outcomes = InMemoryOutcomes()
        self.run = self.journal.known
        self.principal: Principal = make.principal(self.run.tenant_id)
        self.service = Reviewing(runs=self.journal, outcomes=self.outcomes, clock=ManualClock(NOW))
        if recorded:
            self.outcomes.record(outcome_of(self.run, self.journal.written))

    def says(self, reviewer: str | None = None, **said: Any) -> OutcomeDetail:
        """Review the run."""
        judgement = Judgement.model_validate(said)
        return self.service.review(self.principal, self.run.id, judgement, reviewer=reviewer)

    def shown(self) -> OutcomeDetail:
        """The outcome as it is shown."""
        return self.service.show(self.run.tenant_id, self.run.id)


@pytest.mark.parametrize(
    ("ended", "said", "success"),
    [
        ({}, {}, True),
        ({}, {"success": False}, False),
        ({"finish_reason": FinishReason.MAX_STEPS}, {}, False),
        ({"finish_reason": FinishReason.MAX_STEPS}, {"success": True}, True),
        ({"status": RunStatus.FAILED, "finish_reason": FinishReason.ERROR}, {"score": 1.0}, False),
        ({"status": RunStatus.CANCELLED, "finish_reason": FinishReason.CANCELLED}, {}, False),
    ],
)
def test_success_is_as_reviewed_else_as_the_run_ended(
    ended: dict[str, Any], said: dict[str, Any], success: bool
) -> None:
    """A review that does not speak of success leaves it to the run."""
    desk = Desk(**ended)
    if said:
        desk.says(**said)

    assert success is desk.shown().success


def test_before_the_end_is_taken_in_only_the_review_is_known() -> None:
    """Of a run under way, too."""
    desk = Desk(recorded=False)
    unknown = desk.shown()
    reviewed = desk.says(success=True)

    assert (None, None, ()) == (unknown.success, unknown.measured, unknown.reviews)
    assert (True, None, 1) == (reviewed.success, reviewed.measured, len(reviewed.reviews))


def test_a_review_is_announced_and_audited_without_its_words() -> None:
    """Who, about which run, with what judgement; the comment stays in the review alone."""
    desk = Desk()
    desk.says(score=0.9, label="resolved", comment="Jane Doe was happy.")
    (announced,) = desk.outcomes.announced
    (event,), (entry,) = announced.events, announced.audit

    assert ("agent_runtime.OutcomeReviewed.v1", 0.9) == (event.type, event.data["score"])
    assert ("outcome.review", f"key:{desk.principal.key_id}") == (entry.action, entry.actor)
    assert "Jane" not in event.model_dump_json() + entry.model_dump_json()


def test_the_same_again_announces_nothing() -> None:
    """It is the review that counts already."""
    desk = Desk()
    first, again = desk.says(success=True), desk.says(success=True)

    assert first == again
    assert 1 == len(desk.outcomes.announced)


def test_the_reviewer_is_the_key_unless_somebody_is_named() -> None:
    """The audit entry names the key either way."""
    desk = Desk()
    by_key, by_name = desk.says(score=0.1), desk.says(score=0.2, reviewer="Ann")

    assert [f"key:{desk.principal.key_id}", "Ann"] == [
        shown.review.reviewer for shown in (by_key, by_name) if shown.review
    ]


def test_a_run_that_is_not_there_cannot_be_reviewed() -> None:
    """Nor shown."""
    desk = Desk()
    desk.run = a_run()

    with pytest.raises(NotFound):
        desk.shown()


def test_pages_and_tables_hold_the_same_outcomes() -> None:
    """Page by page without gap or repeat; the table has a header and a line for each."""
    desk = Desk()
    for _ in range(4):
        run = a_run(tenant_id=desk.run.tenant_id)
        desk.outcomes.record(outcome_of(run, ()))
    tenant_id = desk.run.tenant_id
    first = desk.service.page(tenant_id, ALWAYS, limit=3, cursor=None)
    rest = desk.service.page(tenant_id, ALWAYS, limit=3, cursor=first.next_cursor)
    table, cursor = desk.service.table(tenant_id, ALWAYS, cursor=None)

    assert 5 == len({outcome.run_id for outcome in (*first.items, *rest.items)})
    assert (6, None) == (len(table.splitlines()), cursor)


def test_a_long_table_ends_with_where_the_rest_begins() -> None:
    """None is lost in between."""
    desk = Desk(recorded=False)
    tenant_id, service = desk.run.tenant_id, replace(desk.service, most_pages=2)
    for _ in range(203):
        desk.outcomes.record(outcome_of(a_run(tenant_id=tenant_id), ()))
    first, cursor = service.table(tenant_id, ALWAYS, cursor=None)
    rest, end = service.table(tenant_id, ALWAYS, cursor=cursor)

    assert (201, 4, None) == (len(first.splitlines()), len(rest.splitlines()), end)


@pytest.mark.parametrize("place", ["yesterday", "2026-01-01", f"2026-01-01T00:00:00 {UUID(int=7)}"])
def test_an_invented_place_is_no_cursor(place: str) -> None:
    """Anybody can write one."""
    with pytest.raises(InvalidCursor):
        Desk().service.page(new_id(), ALWAYS, limit=1, cursor=encode_cursor("outcomes", place))
