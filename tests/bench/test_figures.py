"""The bars of docs/benchmarks.md, each measured alone: `make bars`.

Other work on the machine only ever makes a figure worse, so the best of three tries counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.bench import background, context, first_byte, imports, overhead, start
from tests.cloud import RunningCloud, running_cloud, synthesize

pytestmark = [pytest.mark.figure, pytest.mark.timeout(900)]
TRIES = 3
RUNS = 300
Figure = TypeVar("Figure")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """A local cloud with nothing else to do."""
    folder = tmp_path_factory.mktemp("figures")
    with running_cloud(synthesize(folder / "cdk.out"), folder / "state") as running:
        yield running


def best(measure: Callable[[], Figure], good: Callable[[Figure], bool]) -> Figure:
    """The first good figure, or the last of three."""
    for _ in range(TRIES):
        figure = measure()
        if good(figure):
            break
    return figure


@pytest.mark.parametrize("mode", ["wait", "stream"])
def test_a_run_costs_little_platform_time(cloud: RunningCloud, mode: str) -> None:
    """Less the model's own time, a run with a tool call takes 15 ms at p50 and 60 ms at p99."""
    found = best(lambda: overhead.measure(cloud, mode, RUNS), lambda s: s.p50 <= 15 and s.p99 <= 60)

    assert found.p50 <= 15, found
    assert found.p99 <= 60, found


def test_runs_start_in_the_background_at_a_rate(cloud: RunningCloud) -> None:
    """25 a second are accepted without an error, and end as fast as they are accepted."""
    found = best(
        lambda: background.measure(cloud, rate=28, seconds=20),
        lambda f: f.starts_per_s >= 25 and f.completions_per_s >= 25 and not f.errors,
    )

    assert found.starts_per_s >= 25, found
    assert found.completions_per_s >= 25, found
    assert {} == found.errors


def test_the_first_token_passes_at_once(cloud: RunningCloud) -> None:
    """The first token is with the caller 10 ms after the model gave it, at p50."""
    found = best(lambda: first_byte.measure(cloud, 100), lambda s: s.p50 <= 10)

    assert found.p50 <= 10, found


@pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")
def test_contexts_keep_their_budget() -> None:
    """None is over, and no count is off by more than 2 % from what another library counts."""
    found = list(context.cases())

    assert [] == [case for case in found if case.over]
    assert max(case.error for case in found) <= 0.02


def test_the_streaming_path_starts_fast() -> None:
    """Importing what answers a run takes 700 ms of CPU at most."""
    path = (("control_plane", "authorize_request"), ("agent_runtime", "start_run"))
    found = {name: imports.cpu_ms(*name) for name in path}

    assert {} == {name: took for name, took in found.items() if took > 700}


def test_synthesis_is_quick(tmp_path: Path) -> None:
    """`make synth`, with every check, takes 15 seconds of CPU at most."""
    found = best(lambda: start.synth_cpu_s(tmp_path, "--stage", "dev"), lambda s: s <= 15)

    assert found <= 15


def test_a_second_start_is_quick() -> None:
    """`make up` answers within 90 seconds the first time, and within 25 the second."""
    first, second = best(start.up_s, lambda both: both[0] <= 90 and both[1] <= 25)

    assert first <= 90
    assert second <= 25
