"""What was decided in runs at random is decided again, whatever became of their drivers."""

from __future__ import annotations

import pytest

from tests.contract.agent_runtime.archives import forked, replayed
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.random_runs import RandomRun, chatty, touched


@pytest.mark.parametrize("seed", range(12))
def test_runs_at_random_are_replayed(make_stage: MakeStage, seed: int) -> None:
    """Each to the last decision; a changed loop is found where it would have acted otherwise."""
    made = RandomRun.of(f"run {seed}")
    stage = make_stage(made.script(), **made.document())
    run = made.play(stage)
    report = replayed(stage, run.id)

    assert report.identical, report.first_difference
    assert run.steps[-1].seq == report.decisions[-1].seq
    assert touched(run) != replayed(stage, run.id, chatty).identical


@pytest.mark.parametrize("seed", range(6))
def test_forks_of_runs_at_random_are_replayed(make_stage: MakeStage, seed: int) -> None:
    """From any step."""
    made = RandomRun.of(f"fork {seed}")
    stage = make_stage(made.script(), **made.document())
    run = made.play(stage)
    for from_step in range(1, run.steps[-1].seq + 1, 2):
        assert replayed(stage, forked(stage, run.id, from_step).id).identical
