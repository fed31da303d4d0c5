"""What every journal does for the drivers of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.postgres import PostgresJournal, PostgresSweepings
from orchstack.agent_runtime.model.holding import NotYourTurn
from orchstack.agent_runtime.model.runs import Lease, LeaseLost, Parent, Run
from orchstack.agent_runtime.model.steps import ModelWork, RunStatus, Step, StepStatus
from orchstack.agent_runtime.ports import Journal, Sweepings
from orchstack.kernel.chat import Message, Role
from orchstack.kernel.clock import ManualClock, SystemClock
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import RequestInFlight
from orchstack.kernel.events import Announcement
from orchstack.kernel.ids import new_id

TENANT = new_id()
NOTHING = Announcement()


@pytest.fixture(params=["memory", "postgres"])
def journal(request: pytest.FixtureRequest) -> Journal:
    """The journals."""
    if request.param == "memory":
        return InMemoryJournal(ManualClock(SystemClock().now()))
    return PostgresJournal(request.getfixturevalue("database"))


@pytest.fixture
def sweepings(journal: Journal, request: pytest.FixtureRequest) -> Sweepings:
    """What finds the runs of all tenants."""
    if isinstance(journal, InMemoryJournal):
        return journal
    platform: Database = request.getfixturevalue("platform_database")
    return PostgresSweepings(platform)


def lease(seconds: float = 30) -> Lease:
    """The lease of another driver each time."""
    return Lease(owner=new_id(), seconds=seconds)


def a_run(**changes: Any) -> Run:
    """A run that has begun."""
    given: dict[str, Any] = {
        "tenant_id": TENANT,
        "id": new_id(),
        "agent": "adder",
        "version": 1,
        "key_id": new_id(),
        "input": "17 * 23?",
        "created_at": SystemClock().now(),
    }
    return Run.model_validate({**given, **changes})


def asking(seq: int = 1, **changes: Any) -> Step:
    """A call of a model that has begun."""
    work = ModelWork.model_validate({"model": "default", "worst_cost": 5, **changes})
    now = SystemClock().now()
    return Step(seq=seq, status=StepStatus.STARTED, work=work, started_at=now)


def opened(journal: Journal, held: Lease | None, *steps: Step, **changes: Any) -> Run:
    """A run that is kept."""
    run = a_run(**changes)
    with journal.transaction(TENANT):
        if run.session_id is not None:
            journal.active_in_session(TENANT, run.session_id, run.agent)
        assert journal.open(run, steps, NOTHING, key=None, lease=held)
    return run


def test_all_of_a_run_is_kept(journal: Journal) -> None:
    """What a run is given and what becomes of it."""
    parent = Parent(run_id=new_id(), step=3, depth=1, agents=("boss",))
    given = {"variant": "canary", "overrides": {"model": "a/b"}, "parent": parent}
    run = opened(journal, None, status=RunStatus.QUEUED, mode="background", **given)
    assert run == journal.run(TENANT, run.id)

    held = lease()
    journal.claim(TENANT, run.id, held)
    said = (Message(role=Role.USER, content="Hi"),)
    begun = {"status": RunStatus.WAITING, "begun_at": run.created_at, "question": "May I?"}
    run = run.model_copy(update={**begun, "history": said})
    journal.append(run, (), NOTHING, lease=held, with_history=True)

    assert run == journal.run(TENANT, run.id)


def test_a_try_is_counted_when_a_driver_died(journal: Journal) -> None:
    """The first driver, and each that took the run over since the journal last moved."""
    run = opened(journal, lease(0))
    tries = [journal.claim(TENANT, run.id, lease(0)).tries for _ in range(3)]
    held = lease(0)
    journal.claim(TENANT, run.id, held)
    journal.append(run, (), NOTHING, lease=held)

    assert [2, 3, 4] == tries
    assert 1 == journal.claim(TENANT, run.id, lease(0)).tries


@pytest.mark.parametrize(("orderly", "tries"), [(True, 2), (False, 3)])
def test_a_lease_given_back_in_good_order_is_no_try(
    journal: Journal, tries: int, *, orderly: bool
) -> None:
    """The next driver finds the run as this one did."""
    run, held = opened(journal, lease(0)), lease()
    journal.claim(TENANT, run.id, held)
    journal.release(run, held, orderly=orderly)

    assert tries == journal.claim(TENANT, run.id, lease()).tries


def test_nobody_writes_without_the_lease(journal: Journal) -> None:
    """Neither steps nor text, nor is it renewed; giving back what was lost harms nothing."""
    lost, step = lease(0), asking()
    run = opened(journal, lost, step)
    journal.claim(TENANT, run.id, lease())
    writes: list[Callable[[], object]] = [
        lambda: journal.append(run, (), NOTHING, lease=lost),
        lambda: journal.note(run, step, lost),
        lambda: journal.renew(run, lost),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    journal.release(run, lost, orderly=True)

    with pytest.raises(RequestInFlight):
        journal.claim(TENANT, run.id, lease())


def test_a_text_is_noted_as_far_as_it_goes(journal: Journal) -> None:
    """With its pieces, attempt and loss; all else of the step stays, and so do the tries."""
    held, step = lease(0), asking(last=True)
    run = opened(journal, held, step)
    noted = {"text": "It is", "pieces": (2, 3), "attempt": 2, "lost_micro_usd": 5}
    work = step.work.model_copy(update={**noted, "model": "other"})
    journal.note(run, step.model_copy(update={"work": work}), held)
    (kept,) = journal.steps(TENANT, run.id)

    assert step.work.model_copy(update=noted) == kept.work
    assert 2 == journal.claim(TENANT, run.id, lease()).tries


def test_every_write_tells_of_a_cancel(journal: Journal) -> None:
    """Who drives a run learns of it with whatever he writes next."""
    held, step = lease(), asking()
    run = opened(journal, held, step)
    looks: list[Callable[[], bool]] = [
        lambda: journal.cancel_requested(TENANT, run.id),
        lambda: journal.renew(run, held),
        lambda: journal.note(run, step, held),
        lambda: journal.append(run, (), NOTHING, lease=held),
    ]
    before = [look() for look in looks]
    asked = journal.request_cancel(TENANT, run.id, NOTHING)

    assert [False] * 4 == before
    assert [True] * 4 == [look() for look in looks]
    assert (run.id,) == asked


def test_a_cancel_reaches_all_that_a_run_asked_for(journal: Journal) -> None:
    """At every depth, but nobody else's runs, and none that are over."""
    run = opened(journal, lease())
    below = {"run_id": run.id, "step": 1, "depth": 1, "agents": ("adder",)}
    child = opened(journal, lease(), parent=below)
    grandchild = opened(journal, lease(), parent={**below, "run_id": child.id})
    now = SystemClock().now()
    opened(journal, None, parent=below, status=RunStatus.COMPLETED, finished_at=now)
    opened(journal, lease())
    asked = journal.request_cancel(TENANT, run.id, NOTHING)

    assert (run.id, {child.id, grandchild.id}) == (asked[0], set(asked[1:]))
    assert {child.id} < {each.id for each in journal.children(TENANT, run.id)}


def test_runs_of_a_session_take_turns(journal: Journal) -> None:
    """The oldest first; one that is to be cancelled need not wait for that."""
    session = uuid4()
    runs = [opened(journal, None, status=RunStatus.QUEUED, session_id=session) for _ in range(2)]
    first, second = sorted(runs, key=lambda run: run.id)
    with pytest.raises(NotYourTurn):
        journal.claim(TENANT, second.id, lease())

    assert first.id == journal.active_in_session(TENANT, session, "adder")
    assert first.id == journal.claim(TENANT, first.id, lease()).run.id
    journal.request_cancel(TENANT, second.id, NOTHING)
    assert journal.claim(TENANT, second.id, lease()).cancel_requested


def test_a_run_that_has_begun_lets_no_older_one_begin(journal: Journal) -> None:
    """Ids of two machines may be out of order; whoever began first goes on."""
    session = uuid4()
    older = a_run(status=RunStatus.QUEUED, session_id=session)
    begun = opened(journal, lease(0), session_id=session)
    with journal.transaction(TENANT):
        journal.open(older, (), NOTHING, key=None, lease=None)
    with pytest.raises(NotYourTurn):
        journal.claim(TENANT, older.id, lease())

    assert begun.id == journal.claim(TENANT, begun.id, lease()).run.id


def test_a_task_token_is_kept_while_a_run_waits_and_given_once(journal: Journal) -> None:
    """Whoever comes late learns that nobody waits any more."""
    running = opened(journal, None)
    waiting = opened(journal, None, status=RunStatus.WAITING)

    assert not journal.set_task_token(TENANT, running.id, "t1")
    assert journal.set_task_token(TENANT, waiting.id, "t2")
    assert ["t2", None] == [journal.take_task_token(TENANT, waiting.id) for _ in range(2)]


def test_starts_are_numbered(journal: Journal) -> None:
    """Each execution of the machine has its own number."""
    run = opened(journal, None)

    assert [1, 2] == [journal.count_start(TENANT, run.id) for _ in range(2)]


def adrift(sweepings: Sweepings, before: datetime) -> list[UUID]:
    """The runs of this tenant that are adrift."""
    return [run.run_id for run in sweepings.adrift(before, 100) if run.tenant_id == TENANT]


def test_a_run_is_adrift_when_nobody_has_held_it(journal: Journal, sweepings: Sweepings) -> None:
    """Its lease has lapsed, or it never had one; the one that was left first comes first."""
    now = SystemClock().now()
    queued = opened(journal, None, status=RunStatus.QUEUED, created_at=now - timedelta(seconds=100))
    lapsed = opened(journal, lease(1))
    opened(journal, lease(1_000))
    opened(journal, lease(0), status=RunStatus.COMPLETED, finished_at=now)

    assert [queued.id] == adrift(sweepings, now - timedelta(seconds=50))
    assert [queued.id, lapsed.id] == adrift(sweepings, now + timedelta(seconds=50))


def test_a_wait_is_adrift_when_its_time_is_over(journal: Journal, sweepings: Sweepings) -> None:
    """And at once when it is to be cancelled."""
    held, now = lease(), SystemClock().now()
    run = opened(journal, held)
    waiting = run.model_copy(update={"status": RunStatus.WAITING})
    wake_at = now + timedelta(seconds=500)
    released = replace(held, seconds=0)
    journal.append(waiting, (), NOTHING, lease=released, wake_at=wake_at)

    soon = now + timedelta(seconds=100)
    assert [] == adrift(sweepings, soon)
    assert [run.id] == adrift(sweepings, wake_at)
    journal.request_cancel(TENANT, run.id, NOTHING)
    assert [run.id] == adrift(sweepings, soon)
