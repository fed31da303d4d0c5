"""`make bench`: measure the figures of docs/benchmarks.md; name some to measure only those."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import (
    background,
    canary,
    context,
    crashes,
    deadlines,
    events,
    first_byte,
    imports,
    overhead,
    replay,
    start,
)
from tests.cloud import RunningCloud, running_cloud, synthesize

RUNS = 500
CUTS = 1_000
DEADLINES = 1_000
PAIRS = 200
BACKGROUND_RATE, BACKGROUND_S = 30.0, 30.0
console = Console()


@contextmanager
def _cloud() -> Iterator[RunningCloud]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="orchstack-bench-") as folder:
        Path(folder).chmod(0o755)
        assembly = synthesize(Path(folder) / "cdk.out")
        with running_cloud(assembly, Path(folder) / "state") as cloud:
            yield cloud


def _overhead() -> None:
    table = Table("mode", "platform time of a run, one tool call, model's own time taken off")
    with _cloud() as cloud:
        for mode in ("wait", "stream"):
            table.add_row(mode, str(overhead.measure(cloud, mode, RUNS)))
    console.print(table)


def _first_byte() -> None:
    with _cloud() as cloud:
        spread = first_byte.measure(cloud, 200)
    console.print(f"first token: provider's socket to caller's event: {spread}")


def _background() -> None:
    with _cloud() as cloud:
        console.print(str(background.measure(cloud, rate=BACKGROUND_RATE, seconds=BACKGROUND_S)))


def _imports() -> None:
    table = Table("handler", "import, ms of CPU")
    for name, milliseconds in imports.table():
        table.add_row(name, f"{milliseconds:.0f}")
    console.print(table)


def _synth() -> None:
    for what, option in (("with all checks", "--stage=dev"), ("for the local cloud", "--local")):
        with tempfile.TemporaryDirectory() as folder:
            used = start.synth_cpu_s(Path(folder), option)
        console.print(f"synthesis {what}: {used:.1f} s CPU")


def _context() -> None:
    for columns, rows in (
        (("", "ms of CPU"), context.costs()),
        (("text", "budget error, mean / largest", "over budget"), context.errors()),
        (("a session of 60 runs", "sent before"), context.sessions()),
    ):
        table = Table(*columns)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def _canary() -> None:
    tables = (
        (f"worse: rolled back within {canary.SOON} runs", canary.REGRESSIONS, 500, canary.SOON),
        (f"the same: rolled back within {canary.WHOLE} runs", canary.SAME, 100, canary.WHOLE),
    )
    for title, cases, canaries, longest in tables:
        table = Table("canary", "weight", f"of {canaries}", "median runs", "rules", title=title)
        play = partial(canary.measure, canaries=canaries, longest=longest)
        for row in canary.table(cases, play):
            table.add_row(*row)
        console.print(table)


def _up() -> None:
    first, second = start.up_s()
    console.print(f"`orchstack up` to the first answer: {first:.1f} s, again: {second:.1f} s")


def _events() -> None:
    with _cloud() as cloud:
        console.print(str(events.measure(cloud, CUTS)))


def _replay() -> None:
    console.print(str(replay.measure(RUNS)))


def _crashes() -> None:
    for title, rows in crashes.measure(PAIRS):
        table = Table(*crashes.COLUMNS, title=title)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def _deadlines() -> None:
    console.print(str(deadlines.measure(DEADLINES)))


FIGURES: dict[str, Callable[[], None]] = {
    "imports": _imports,
    "overhead": _overhead,
    "first-byte": _first_byte,
    "background": _background,
    "canary": _canary,
    "context": _context,
    "synth": _synth,
    "up": _up,
    "events": _events,
    "replay": _replay,
    "crashes": _crashes,
    "deadlines": _deadlines,
}


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="|".join(FIGURES))
    for name in parser.parse_args().figures or FIGURES:
        console.rule(name)
        FIGURES[name]()


main()
