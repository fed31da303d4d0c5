"""The lease of a driver that died; what becomes of its run at each point is in test_every_point."""

from __future__ import annotations

from uuid import UUID

import pytest

from orchstack.agent_runtime.model.runs import RunDetail
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.errors import RequestInFlight
from orchstack.kernel.pagination import PageQuery
from tests.contract.agent_runtime.worlds import Stage, key
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.crashes import Fuse, Killed, fragile


def by_retry(stage: Stage) -> None:
    """Send the request again with the same key."""
    stage.stream(key=key())


def only_run(stage: Stage) -> UUID | None:
    """The one run there is, if any, but for those that it asked for."""
    runs = stage.records.page(stage.tenant_id, PageQuery()).items
    roots = [run for run in runs if run.parent_run_id is None]
    assert len(roots) <= 1
    return roots[0].id if roots else None


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
