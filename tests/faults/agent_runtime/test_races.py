"""Drivers that race for one run never both write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from orchstack.agent_runtime.model.runs import Ask
from orchstack.kernel.errors import RequestInFlight
from orchstack.kernel.pagination import PageQuery
from tests.contract.agent_runtime.worlds import Stage, key
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.test_crashes import assert_whole

RACERS = 4


def race(stage: Stage, racer: Callable[[], None]) -> None:
    """Let the racers off at once and wait for all."""
    gate = threading.Barrier(RACERS)

    def run() -> None:
        gate.wait()
        try:
            racer()
        finally:
            stage.hang_up()

    with ThreadPoolExecutor(RACERS) as pool:
        for done in [pool.submit(run) for _ in range(RACERS)]:
            done.result()


def until_done(attempt: Callable[[], bool]) -> Callable[[], None]:
    """Try again for as long as another driver holds the run."""

    def racer() -> None:
        done = False
        while not done:
            try:
                done = attempt()
            except RequestInFlight:
                done = False

    return racer


def test_callers_with_one_key_make_one_run(make_stage: MakeStage) -> None:
    """Sent at the same time, the requests come to one run with one effect, and the same answer."""
    stage, answers = make_stage(), set[str]()

    def attempt() -> bool:
        answers.add(str(stage.stream(key=key())[-1].data["id"]))
        return True

    race(stage, until_done(attempt))

    assert 1 == len(answers)
    assert_whole(stage)


def test_drivers_that_take_each_others_run_over_write_one_journal(make_stage: MakeStage) -> None:
    """With a lease that lapses at once each takes the run from the other; the fence holds."""
    stage = replace(make_stage().lasting(0.0), max_tries=100_000)
    _left(stage)
    run_id = stage.records.page(stage.tenant_id, PageQuery()).items[0].id

    def command() -> bool:
        run = stage.runtime.advance(stage.tenant_id, run_id, deadline=stage.deadline)
        return run.over

    race(stage, until_done(command))

    assert_whole(stage)
    assert len(stage.tools.effects) == len(set(stage.tools.called))


def _left(stage: Stage) -> None:
    ask = Ask(agent="adder", text="What is 17 * 23?")
    stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
