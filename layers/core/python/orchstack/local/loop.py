"""An event loop in a thread of its own, for those who have none."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_CANCEL_WITHIN_S = 0.5


class LoopThread:
    """Runs coroutines for other threads, from `start` to `stop`."""

    def __init__(self) -> None:
        """Prepare."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        """Run to the end and return the result; raises TimeoutError when the time is up."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def stop(self) -> None:
        """End the loop and its thread; whoever still waits for a result gets CancelledError."""
        with contextlib.suppress(TimeoutError):
            self.run(_cancel_all(), _CANCEL_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
