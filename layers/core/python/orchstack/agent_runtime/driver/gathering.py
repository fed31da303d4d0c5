"""Does several things at once, in threads, while the calling thread keeps watch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Final, TypeVar

# How often the calling thread looks up, in seconds.
TICK_S: Final = 0.25

NameT = TypeVar("NameT")
ResultT = TypeVar("ResultT")


def gather(
    tasks: Mapping[NameT, Callable[[], ResultT]], tick: Callable[[], None]
) -> Generator[dict[NameT, Future[ResultT]], None, None]:
    """Give what is done, as it gets done; nothing, after each `tick`, while nothing is.

    What `tick` raises ends the watch, and so does closing the iterator: what is not done then is
    left to itself, for nothing can stop a thread from outside.
    """
    pool = ThreadPoolExecutor(max(len(tasks), 1), thread_name_prefix="tool")
    try:
        working = {pool.submit(copy_context().run, task): name for name, task in tasks.items()}
        while working:
            done, _ = wait(working, timeout=TICK_S, return_when=FIRST_COMPLETED)
            if not done:
                tick()
            yield {working.pop(future): future for future in done}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
