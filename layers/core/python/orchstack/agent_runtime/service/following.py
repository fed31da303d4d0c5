"""Follows a run: tells its journal's tale, and goes on as it is written, whoever writes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.loop import transcript
from orchstack.agent_runtime.model.events import EventId, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.pulse import Pulse
from orchstack.agent_runtime.ports_records import Archive
from orchstack.agent_runtime.service.comparing import ERASED
from orchstack.agent_runtime.service.rescuing import Rescuer
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import Gone

# A run is asked how it stands this often, ever more seldom while nothing happens.
SHORTEST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
_SLOWING: Final = 1.5
HEARTBEAT_S: Final = 10.0
# What the last pause and the end of the answer need of a function's time.
_RESERVE_S: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class RunFollower:
    """Tells runs from any place in their tale on, without a gap and without a repeat."""

    archive: Archive
    rescuer: Rescuer
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def follow(
        self,
        tenant_id: UUID,
        run_id: UUID,
        *,
        after: EventId | None,
        names: Collection[LiveEventName],
        deadline: float,
    ) -> Generator[LiveEvent | None, None, None]:
        """Give the events behind `after`, until the run is over; None is a heartbeat.

        A run that nobody drives any more is carried on for whoever watches it.
        Without `names` all are given. It ends by itself shortly before `deadline` (Unix time in
        seconds), and where the run's texts are erased meanwhile. Raises NotFound, and Gone if they
        were erased before.
        """
        reader = _Reader(self.archive, tenant_id, run_id, after)
        if reader.look():
            raise Gone(ERASED.format(run_id=run_id))
        # The head of the answer goes out now, also where there is nothing to tell yet.
        yield None
        pause, beaten = SHORTEST_PAUSE_S, self.clock.monotonic()
        while True:
            self._rescue(reader)
            for event in reader.news():
                pause = SHORTEST_PAUSE_S
                if not names or event.name in names:
                    beaten = self.clock.monotonic()
                    yield event
            if reader.over or self.clock.now().timestamp() + pause >= deadline - _RESERVE_S:
                return
            if self.clock.monotonic() - beaten >= HEARTBEAT_S:
                beaten = self.clock.monotonic()
                yield None
            self.sleep(pause)
            pause = min(pause * _SLOWING, LONGEST_PAUSE_S)
            if reader.look():
                return

    def _rescue(self, reader: _Reader) -> None:
        """Have a run carried on that nobody drives."""
        if reader.adrift:
            self.rescuer.rescue(reader.tenant_id, reader.run_id)


@dataclass
class _Reader:
    """Reads of a run what has changed since it last looked."""

    archive: Archive
    tenant_id: UUID
    run_id: UUID
    told: EventId | None
    over: bool = False
    _pulse: Pulse | None = field(default=None, init=False)
    _changed: bool = field(default=True, init=False)

    def look(self) -> bool:
        """Ask how the run stands; gives whether its texts are erased. Raises NotFound."""
        pulse = self.archive.pulse(self.tenant_id, self.run_id, since=self._since)
        self._changed, self._pulse = pulse != self._pulse, pulse
        return pulse.erased

    def news(self) -> Iterator[LiveEvent]:
        """Give what can be told beyond what was told, if anything was written."""
        if not self._changed or self._pulse is None:
            return
        with self.archive.transaction(self.tenant_id):
            # The steps first: the end of a run among them is in its record as well, then.
            steps = self.archive.steps(self.tenant_id, self.run_id, since=self._since)
            run = self.archive.run(self.tenant_id, self.run_id)
        # All that was written before the run was found to be over is among these steps.
        self.over = self._pulse.status.over or run.erased_at is not None
        if run.erased_at is not None:
            return
        for event in transcript.journal(run, steps, after=self.told):
            self.over = self.over or event.name.last
            if self.told is None or event.id > self.told:
                self.told = event.id
                yield event

    @property
    def adrift(self) -> bool:
        """Whether nobody drove the run when it was looked at."""
        return self._pulse is not None and self._pulse.adrift

    @property
    def _since(self) -> int:
        """Steps before those of the last event that was told have nothing to tell any more."""
        return 1 if self.told is None else max(1, self.told.step)
