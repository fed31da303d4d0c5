"""The relay: from the outbox to the bus, at least once, in order for each tenant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from orchstack.event_bus.model import MAX_BATCH_BYTES, Drained, OutboxEntry, Refusal, Settlement
from orchstack.event_bus.ports import EventPublisher, Nudge, Outbox
from orchstack.kernel.observability import logger

# What one batch may take at worst; with less time left, no further one is begun.
BATCH_SECONDS = 8.0


class Relay:
    """Publishes what waits in the outbox."""

    def __init__(
        self, outbox: Outbox, publisher: EventPublisher, nudge: Nudge, time: Callable[[], float]
    ) -> None:
        """`time` gives Unix time in seconds."""
        self._outbox = outbox
        self._publisher = publisher
        self._nudge = nudge
        self._time = time

    def drain(self, *, deadline: float) -> Drained:
        """Publish batch after batch until nothing waits or the deadline (Unix time) comes near.

        Raises Unavailable if the bus or the database is away; what was published stays published.
        """
        # Cleared before the first look: whoever commits after that look nudges anew.
        self._nudge.clear()
        total, passing = Drained(), frozenset[UUID]()
        while settled := self._outbox.next_batch(self._hand_over, passing=passing):
            _report(settled)
            total, passing = total.plus(settled), passing | settled.held_back
            if self._time() + BATCH_SECONDS > deadline:
                break
        else:
            return total
        self._nudge.nudge()
        return replace(total, finished=False)

    def _hand_over(self, claimed: Sequence[OutboxEntry]) -> Settlement:
        entries = _fitting(claimed)
        if not entries:
            return Settlement(refused=((claimed[0], Refusal("EntryTooLarge", final=True)),))
        refusals = self._publisher.publish(entries)
        return Settlement(
            published=tuple(e for e in entries if e.event_id not in refusals),
            refused=tuple((e, refusals[e.event_id]) for e in entries if e.event_id in refusals),
        )


def _fitting(claimed: Sequence[OutboxEntry]) -> list[OutboxEntry]:
    """Give the first entries that fit into one call together."""
    fitting: list[OutboxEntry] = []
    room = MAX_BATCH_BYTES
    for entry in claimed:
        room -= entry.size
        if room < 0:
            break
        fitting.append(entry)
    return fitting


def _report(settled: Settlement) -> None:
    for entry, refusal in settled.refused:
        logger.error(
            "event parked: the bus can never take it"
            if refusal.final
            else "event refused by the bus, will be tried again",
            extra={
                "event_id": str(entry.event_id),
                "tenant_id": str(entry.tenant_id),
                "event_type": entry.type,
                "refusal": refusal.code,
            },
        )
