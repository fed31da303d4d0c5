"""Does several things at once, while the calling thread keeps watch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from orchstack.agent_runtime.driver.hands import HANDS

# How often the calling thread looks up, in seconds.
TICK_S: Final = 0.25

NameT = TypeVar("NameT")
ResultT = TypeVar("ResultT")
_Inbox = SimpleQueue[tuple[NameT, "Future[ResultT]"]]


def gather(
    tasks: Mapping[NameT, Callable[[], ResultT]], tick: Callable[[], None]
) -> Generator[dict[NameT, Future[ResultT]], None, None]:
    """Give what is done, as it gets done; nothing, after each `tick`, while nothing is.

    What `tick` raises ends the watch, and so does closing the iterator: what is not done then is
    left to itself, for nothing can stop a thread from outside.
    """
    inbox: _Inbox[NameT, ResultT] = SimpleQueue()
    for name, task in tasks.items():
        HANDS.do(partial(_carry_out, name, task, inbox))
    left = len(tasks)
    while left:
        done = _taken(inbox)
        if not done:
            tick()
        left -= len(done)
        yield done


def _carry_out(name: NameT, task: Callable[[], ResultT], inbox: _Inbox[NameT, ResultT]) -> None:
    future: Future[ResultT] = Future()
    try:
        future.set_result(task())
    except BaseException as raised:  # noqa: BLE001  # raised again by who takes the result
        future.set_exception(raised)
    inbox.put((name, future))


def _taken(inbox: _Inbox[NameT, ResultT]) -> dict[NameT, Future[ResultT]]:
    """Take all that is there, and wait a tick for the first."""
    done: dict[NameT, Future[ResultT]] = {}
    try:
        name, future = inbox.get(timeout=TICK_S)
        while True:
            done[name] = future
            name, future = inbox.get_nowait()
    except Empty:
        return done
