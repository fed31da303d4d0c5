"""What the README and the guide tell a user to type does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import RunningCloud
from tests.house.source import ROOT

_BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
# Started by the fixture, or being this very test run.
_ELSEWHERE = {"make up", "make test"}
Shell = dict[str, str]


def blocks(language: str, page: str = "README.md") -> Iterator[str]:
    """A page's blocks of a language, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return (body.strip() for kind, body in _BLOCK.findall(text) if kind == language)


def run(command: list[str], shell: Shell) -> subprocess.CompletedProcess[str]:
    """Run a command as a user of the tour does."""
    return subprocess.run(  # noqa: S603 - the README's own commands
        command, cwd=ROOT, env=shell, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def shell(cloud: RunningCloud) -> Shell:
    """The environment that `make up` prints, with its demo agent published."""
    key = cloud.tenant("tour").key
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {
        "PATH": path,
        "ORCHSTACK_URL": cloud.state["api_url"],
        "ORCHSTACK_API_KEY": key,
        "ORCHSTACK_STATE": str(cloud.state_dir),
    }
    published = run(["orchstack", "agents", "apply", "examples/assistant.yaml"], environment)
    assert 0 == published.returncode, published.stderr
    return environment


def test_the_tour_can_be_typed(shell: Shell) -> None:
    """Each command of the tour exits with 0, in the order of the README."""
    commands = "\n".join(block for block in blocks("console") if block not in _ELSEWHERE)
    done = run(["bash", "-euc", commands], shell)

    assert "1234 * 5678" in commands
    assert 0 == done.returncode, done.stderr + done.stdout
    assert "7006652" in done.stdout
    assert "run.completed" in done.stdout


def test_the_python_example_runs(shell: Shell) -> None:
    """The Python client's example prints the events of a run."""
    for example in blocks("python"):
        done = run([sys.executable, "-c", example], shell)

        assert 0 == done.returncode, done.stderr
        assert "391" in done.stdout


def test_the_guide_to_runs_can_be_typed(shell: Shell) -> None:
    """Each command of the guide exits with 0, in its order; what it promises is in the output."""
    commands = "\n".join(blocks("console", "docs/runs.md"))
    done = run(["bash", "-euc", commands], shell)

    assert 0 == done.returncode, done.stderr + done.stdout
    assert "391" in done.stdout
    assert "408" in done.stdout
