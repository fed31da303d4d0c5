"""Threads for work nobody waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec

P = ParamSpec("P")

_log = logging.getLogger(__name__)


class Background:
    """A bounded pool of threads that reports what goes wrong in them."""

    def __init__(self, workers: int, name: str) -> None:
        """Allow so many threads; they start when they are needed."""
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def run(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Do some work soon; does nothing once stopped."""
        try:
            future = self._pool.submit(work, *args, **kwargs)
        except RuntimeError:  # the pool was shut down
            return
        future.add_done_callback(_report)

    def stop(self) -> None:
        """Begin nothing new, and do not wait for what runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _report(future: Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()):
        _log.error("background work failed", exc_info=error)
