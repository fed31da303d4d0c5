"""Does beside the driver what takes its time; the driver meanwhile minds the run.

The work has a thread of its own. The driver's thread takes what it gives and, four times a second,
keeps the run's lease, looks whether the run is to be cancelled, and writes down how far a model has
come. Work that is shorter than that costs a thread and no query.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from orchstack.agent_runtime.driver.hands import HANDS
from orchstack.agent_runtime.driver.held import Held, Stage
from orchstack.agent_runtime.driver.lease import LeaseKeeper
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.clock import Clock

T = TypeVar("T")
# Gives a model's step as far as it has come, if there is anything new to write down.
Progress = Callable[[], Step | None]
# How long the driver waits for the work before it minds the run.
TICK_S: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class Attending:
    """Minds runs while something outside works for them."""

    lease: LeaseKeeper
    clock: Clock

    def attend(
        self, held: Held, items: Generator[T, None, None], *, stage: Stage, progress: Progress
    ) -> Generator[T, None, None]:
        """Give the items as they come, count their time for a stage, and raise what they raise.

        Ends early, without an error, once the run is to be cancelled (`held.cancel_requested`): the
        work stops at its next item. Raises LeaseLost.
        """
        minded_at, silent = self.clock.monotonic(), 0
        with closing(_Beside(self.clock, items)) as beside:
            while beside.working and not held.cancel_requested:
                arrived = beside.take(TICK_S)
                now = self.clock.monotonic()
                if arrived is None or now - minded_at >= TICK_S:
                    minded_at, silent = now, silent + 1 if arrived is None else 0
                    self.lease.keep(held, progress=progress(), look=silent % 2 == 1)
                if arrived is not None:
                    held.spend(stage, arrived.seconds)
                    yield from arrived.outcome()


@dataclass(frozen=True)
class _Arrived(Generic[T]):
    """An item, or the end of the work, perhaps by an error; and what it took."""

    seconds: float
    items: tuple[T, ...] = ()
    error: BaseException | None = None

    def outcome(self) -> Iterator[T]:
        """Give the item, or raise the error."""
        if self.error is not None:
            raise self.error
        yield from self.items


class _Beside(Generic[T]):
    """Work in a thread of its own, which stops at its next item once it is abandoned."""

    def __init__(self, clock: Clock, items: Generator[T, None, None]) -> None:
        self._clock = clock
        self._items = items
        self._inbox: SimpleQueue[_Arrived[T]] = SimpleQueue()
        self._abandoned = False
        self.working = True
        HANDS.do(self._work)

    def take(self, seconds: float) -> _Arrived[T] | None:
        """Give what came next; None if nothing came in time."""
        try:
            arrived = self._inbox.get(timeout=seconds)
        except Empty:
            return None
        self.working = bool(arrived.items)
        return arrived

    def close(self) -> None:
        """Abandon what is not over."""
        self._abandoned = True

    def _work(self) -> None:
        began = self._clock.monotonic()
        error: BaseException | None = None
        try:
            with closing(self._items):
                for item in self._items:
                    now = self._clock.monotonic()
                    self._inbox.put(_Arrived(now - began, (item,)))
                    if self._abandoned:
                        break
                    began = now
        except BaseException as raised:  # noqa: BLE001  # raised again in the driver's thread
            error = raised
        self._inbox.put(_Arrived(self._clock.monotonic() - began, error=error))
