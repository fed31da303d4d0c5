"""`orchstack up` from the first start to Ctrl-C: a process and its terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchstack.local.postgres import data_home, erase
from tests.house.source import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud")]

READY_WITHIN_S = 120
COMMAND = [sys.executable, "-m", "orchstack.cli"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder of the test's own."""
    folder = tmp_path / "state"
    yield folder
    erase(folder)


@contextmanager
def up(state: Path) -> Iterator[str]:
    """Run `orchstack up` until the end of the block, then press Ctrl-C; gives what it said."""
    log = state.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [*COMMAND, "up", "--port", "0", "--model", "builtin"],
            cwd=ROOT,
            env=environment(state),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield said(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(timeout=30)
        assert "Stopped." in log.read_text()


def said(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until it says how to go on."""
    deadline = time.monotonic() + READY_WITHIN_S
    while "curl -N" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return log.read_text()


def environment(state: Path) -> dict[str, str]:
    """The environment, with this state folder."""
    return {**os.environ, "ORCHSTACK_STATE": str(state)}


def orchstack(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run another `orchstack` command over the same state folder."""
    return subprocess.run(  # noqa: S603  # our own program
        [*COMMAND, *words],
        cwd=ROOT,
        env=environment(state),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def runs_of(state: Path) -> list[dict[str, Any]]:
    """The runs that the cloud knows, newest first."""
    listed = orchstack(state, "runs", "list", "--json")
    assert 0 == listed.returncode, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found


def processes_of(state: Path) -> list[str]:
    """The command lines of processes that name the state folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(state) in line:
            found.append(line)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_up_answers_serves_and_leaves_nothing_running(state: Path) -> None:
    """The demo is answered with a tool, other commands find the cloud, and Ctrl-C ends it all."""
    with up(state) as first:
        assert "builtin/echo answers" in first
        assert 'calculator(expression="17 * 23") → 391' in first
        asked = orchstack(state, "ask", "assistant", "What is 2 + 40?")
        runs = runs_of(state)
        assert 0 == orchstack(state, "status").returncode
        assert 1 == orchstack(state, "reset", "--yes").returncode

    assert (0, True) == (asked.returncode, "42" in asked.stdout)
    assert 2 == len(runs)
    assert [] == processes_of(state)
    assert 3 == orchstack(state, "status").returncode

    key = (state / "credentials.json").read_text()
    with up(state) as second:
        kept = runs_of(state)
    assert "synthesize" not in second
    assert key == (state / "credentials.json").read_text()
    assert runs == kept[1:]
    assert 0 == orchstack(state, "reset", "--yes").returncode
    assert not state.exists()
    assert not data_home(state / "postgres").exists()
