"""How a driver minds its run while something works for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.driver.attending import Attending
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.lease import LeaseKeeper
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.runs import Lease, LeaseLost, Run
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.agents import RunLimits
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.errors import InvalidRequest, Unavailable
from orchstack.kernel.events import Announcement
from orchstack.kernel.ids import new_id
from tests.make import agent_document
from tests.unit.agent_runtime.journals import a_run, steps_of

AT_MOST_S = 10.0


class CountingJournal(InMemoryJournal):
    """Counts what it is asked, and may be away."""

    def __init__(self) -> None:
        """Begin to count."""
        super().__init__(SystemClock())
        self.asked: list[str] = []
        self.away = False

    def __getattribute__(self, name: str) -> Any:
        """Count the questions that matter here."""
        if name in {"renew", "note", "cancel_requested"}:
            if self.away:
                raise Unavailable
            self.asked.append(name)
        return super().__getattribute__(name)


class Desk:
    """A held run, and what minds it."""

    def __init__(self, *steps: Step, lease_s: float = 30.0) -> None:
        """Hold a run that has come as far as these steps."""
        self.journal = CountingJournal()
        clock, run = SystemClock(), a_run(status="running", finished_at=None)
        lease = Lease(owner=new_id(), seconds=lease_s)
        self.journal.open(run, steps, Announcement(), key=None, lease=lease)
        self.held = Held(
            run=run,
            document=agent_document(),
            state=RunState(limits=RunLimits(), started_at=run.created_at),
            lease=lease,
            clock=clock,
            renewed_at=clock.monotonic(),
        )
        self.attending = Attending(lease=LeaseKeeper(journal=self.journal), clock=clock)

    @property
    def run(self) -> Run:
        """The run."""
        return self.held.run

    def attend(
        self, work: Generator[int, None, None], step: Step | None = None
    ) -> Generator[int, None, None]:
        """Take what the work gives."""
        return self.attending.attend(self.held, work, stage="model", progress=lambda: step)


def counting(n: int, pause_s: float = 0.0) -> Generator[int, None, None]:
    """Count up to a number, slowly."""
    for i in range(n):
        time.sleep(pause_s)
        yield i


def test_short_work_costs_no_query() -> None:
    """All items come in their order, and nobody asks the journal for anything."""
    desk = Desk()

    assert list(range(100)) == list(desk.attend(counting(100)))
    assert [] == desk.journal.asked


def test_an_error_comes_where_it_happened() -> None:
    """After what the work gave before it."""

    def broken() -> Generator[int, None, None]:
        yield 1
        raise InvalidRequest

    items = Desk().attend(broken())

    assert 1 == next(items)
    with pytest.raises(InvalidRequest):
        next(items)


def test_a_lease_outlasts_a_silence() -> None:
    """However long the work says nothing."""
    desk = Desk(lease_s=0.6)
    list(desk.attend(counting(1, pause_s=1.5)))

    assert "renew" in desk.journal.asked
    with pytest.raises(LeaseLost):
        desk.journal.renew(desk.run, Lease(owner=new_id(), seconds=1))


def test_a_lost_lease_ends_the_watch() -> None:
    """Nobody works on for a run that another driver has."""
    desk, other = Desk(lease_s=0.1), Lease(owner=new_id(), seconds=9)
    items = desk.attend(counting(3, pause_s=0.4))
    next(items)
    time.sleep(0.2)
    desk.journal.claim(desk.run.tenant_id, desk.run.id, other)

    with pytest.raises(LeaseLost):
        list(items)


def test_a_cancel_is_seen_in_a_silence() -> None:
    """Soon, and what works is left to itself: it stops at its next item."""
    desk, stopped, go_on = Desk(), threading.Event(), threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            yield 1
            go_on.wait(AT_MOST_S)
            yield 2
            raise AssertionError("nobody wants a third")
        finally:
            stopped.set()

    desk.journal.request_cancel(desk.run.tenant_id, desk.run.id, Announcement())
    began = time.monotonic()

    assert [1] == list(desk.attend(endless()))
    assert time.monotonic() - began < 1.0
    go_on.set()
    assert stopped.wait(AT_MOST_S)


def test_progress_is_written_down_while_it_lasts() -> None:
    """About four times a second; the same statement keeps the lease."""
    step = steps_of()[0]
    desk = Desk(step, lease_s=0.3)
    list(desk.attend(counting(20, pause_s=0.05), step))

    assert {"note"} == {asked for asked in desk.journal.asked if asked != "renew"}
    assert 2 <= desk.journal.asked.count("note") <= 5


def test_a_database_that_is_away_for_a_moment_harms_nothing() -> None:
    """The answer is worth more than a look."""
    desk = Desk(lease_s=0.3)
    desk.journal.away = True

    assert [0] == list(desk.attend(counting(1, pause_s=0.7)))


def test_the_time_of_the_work_is_counted() -> None:
    """For its stage, in milliseconds."""
    desk = Desk()
    list(desk.attend(counting(3, pause_s=0.02)))

    assert 60 <= desk.held.spent_ms["model"] < 500
