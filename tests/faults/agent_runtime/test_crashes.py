"""A run survives the death of its driver at every point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from uuid import UUID

import pytest

from orchstack.agent_runtime.model.runs import Ask, RunDetail
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.errors import RequestInFlight
from orchstack.kernel.pagination import PageQuery
from tests.contract.agent_runtime.worlds import Stage, in_memory, key, lapse
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.crashes import Fuse, Killed, fragile

Carry = Callable[[Stage], None]
NEVER = 10**6


def by_retry(stage: Stage) -> None:
    """Send the request again with the same key."""
    stage.stream(key=key())


def by_commands(stage: Stage) -> None:
    """Let the state machine carry the run on, one command a call."""
    run_id = only_run(stage)
    if run_id is None:
        ask = Ask(agent="adder", text="What is 17 * 23?")
        stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
        run_id = only_run(stage)
    assert run_id is not None
    running = True
    while running:
        lapse(stage)
        run = stage.runtime.advance(stage.tenant_id, run_id, deadline=stage.deadline)
        running = not run.over


def only_run(stage: Stage) -> UUID | None:
    """The one run there is, if any, but for those that it asked for."""
    runs = stage.records.page(stage.tenant_id, PageQuery()).items
    roots = [run for run in runs if run.parent_run_id is None]
    assert len(roots) <= 1
    return roots[0].id if roots else None


def deaths(stage: Callable[[], Stage], carry: Carry) -> Iterator[tuple[Stage, list[str]]]:
    """A stage for each point at which its run was killed, and the points passed until then."""
    for strike_at in count(1):
        standing, fuse = stage(), Fuse(strike_at)
        try:
            carry(fragile(standing, fuse))
        except Killed:
            yield standing, fuse.passed
        else:
            return


def assert_whole(stage: Stage) -> None:
    """One completed run, its journal without a gap and all done, and one effect of its tool."""
    run_id = only_run(stage)
    assert run_id is not None
    detail: RunDetail = stage.records.detail(stage.tenant_id, run_id)

    assert (RunStatus.COMPLETED, "It is 391.") == (detail.status, detail.output)
    assert list(range(1, len(detail.steps) + 1)) == [step.seq for step in detail.steps]
    assert {"finished"} == {step.status for step in detail.steps}
    assert (1, 3) == (len(stage.tools.effects), detail.step_count)
    assert 1 == len(set(stage.tools.called))


@pytest.mark.parametrize("resume", [by_retry, by_commands])
@pytest.mark.parametrize("carry", [by_retry, by_commands])
def test_every_death_is_survived(make_stage: MakeStage, carry: Carry, resume: Carry) -> None:
    """Killed before and after each commit and each call outside, the run comes to its end."""
    points: list[str] = []
    for stage, passed in deaths(lambda: _short(make_stage()), carry):
        lapse(stage)
        resume(stage)
        assert_whole(stage)
        points = passed

    assert {"before commit", "after commit", "before model", "after tool"} <= set(points)
    assert len(points) >= 14


def test_two_deaths_are_survived_too() -> None:
    """Whoever takes over may die as well, at any point, and the third brings the run to its end."""
    second_deaths = 0
    for first_at in range(1, 30):
        for second_at in range(1, 30):
            stage = _short(in_memory())
            second_deaths += _dies(stage, first_at) and _dies(stage, second_at)
            lapse(stage)
            by_retry(stage)
            assert_whole(stage)

    assert second_deaths > 100


def _dies(stage: Stage, strike_at: int) -> bool:
    lapse(stage)
    try:
        by_retry(fragile(stage, Fuse(strike_at)))
    except Killed:
        return True
    return False


def test_a_death_holds_the_run_no_longer_than_its_lease(make_stage: MakeStage) -> None:
    """A retry before that is told to wait for what is left of the lease."""
    stage = _short(make_stage())
    with pytest.raises(Killed):
        by_retry(fragile(stage, Fuse(strike_at=4)))
    with pytest.raises(RequestInFlight) as refusal:
        by_retry(stage)

    assert 0 < (refusal.value.retry_after_s or 0) <= stage.lease_seconds


def _short(stage: Stage) -> Stage:
    return stage.lasting(0.03)
