"""Starts processes that never outlive this one, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_TETHER = Path(__file__).with_name("tether.py")

# The kernel sends the death signal when the *thread* that started the child ends. So one thread,
# which lives as long as the process, starts them all.
_nursery = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nursery")


def spawn(
    command: Sequence[str],
    *,
    log: IO[bytes],
    env: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGKILL,
    user: int = 0,
) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to `log` and which gets `death_signal` when we end.

    `user` is the user and group id to run as; 0 keeps our own. The new process leads its own group:
    Ctrl-C in the terminal reaches us alone, and we stop our children in order.
    """
    tethered = [
        sys.executable,
        "-I",
        "-S",
        str(_TETHER),
        str(os.getpid()),
        str(int(death_signal)),
        str(user),
        *command,
    ]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            tethered,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(env),
            process_group=0,
        )

    return _nursery.submit(start).result()


def end(
    process: subprocess.Popen[bytes],
    how: signal.Signals,
    within_s: float,
    at_last: signal.Signals = signal.SIGKILL,
) -> None:
    """Signal a child to stop, and harder if it has not within the given seconds."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.send_signal(at_last)
    process.wait()
