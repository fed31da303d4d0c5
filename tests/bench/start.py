"""What starting costs: CPU of a synthesis, and seconds of `make up` to the first answer."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.house.source import ROOT

ANSWERED = "how to go on"


def synth_cpu_s(folder: Path, *options: str) -> float:
    """CPU seconds of one synthesis into a folder, Node's share included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "infra_cdk/app.py", "--output", str(folder), *options]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own program
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def up_s() -> tuple[float, float]:
    """Seconds from `orchstack up` to the demo's answer: on a first and on a second start."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        return _first_answer_s(Path(folder)), _first_answer_s(Path(folder))


def _first_answer_s(state: Path) -> float:
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "orchstack.cli", "up", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "ORCHSTACK_STATE": str(state), "MODEL": "builtin/echo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            return _wait_for_answer(process, began)
        finally:
            process.send_signal(signal.SIGINT)


def _wait_for_answer(process: subprocess.Popen[str], began: float) -> float:
    for line in process.stdout or ():
        if ANSWERED in line.lower():
            return time.perf_counter() - began
    raise RuntimeError("`orchstack up` ended before it answered")
