"""The relay: what it publishes, when it stops, whom it leaves for later."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from orchstack.event_bus.adapters.in_memory import InMemoryNudge, InMemoryOutbox, InMemoryPublisher
from orchstack.event_bus.model import Drained, Refusal
from orchstack.event_bus.service import Relay
from orchstack.event_bus.service.relay import BATCH_SECONDS
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.ids import new_id
from tests.make import event

TENANT, OTHER = new_id(), new_id()
THROTTLED = Refusal("ThrottlingException", final=False)


@dataclass
class Bench:
    """A relay over an outbox and a bus in memory, on a clock that stands still."""

    outbox: InMemoryOutbox = field(default_factory=InMemoryOutbox)
    publisher: InMemoryPublisher = field(default_factory=InMemoryPublisher)
    nudge: InMemoryNudge = field(default_factory=InMemoryNudge)
    clock: ManualClock = field(default_factory=ManualClock)

    def drain(self, *, seconds: float = 60) -> Drained:
        """Drain within so many seconds."""
        relay = Relay(self.outbox, self.publisher, self.nudge, self.clock.monotonic)
        return relay.drain(deadline=self.clock.monotonic() + seconds)


@pytest.fixture
def bench() -> Bench:
    """A fresh bench."""
    return Bench()


def test_everything_that_waits_is_published(bench: Bench) -> None:
    """Twenty-five events need three batches and one drain."""
    bench.outbox.write(*(event(TENANT) for _ in range(25)))

    assert Drained(published=25) == bench.drain()
    assert 25 == len(bench.publisher)
    assert [] == bench.outbox.waiting


def test_the_nudge_is_cleared_before_the_first_look(bench: Bench) -> None:
    """Whoever commits during the drain nudges anew."""
    bench.nudge.nudge()
    bench.drain()
    bench.nudge.nudge()

    assert 2 == bench.nudge.sent


def test_a_refused_event_holds_back_its_tenant_only(bench: Bench) -> None:
    """What follows a refused event of the same tenant waits for it; other tenants go on."""
    refused, later, foreign = event(TENANT), event(TENANT), event(OTHER)
    rest_of_the_batch = [event(TENANT) for _ in range(8)]
    bench.outbox.write(refused, *rest_of_the_batch, later, foreign)
    bench.publisher.refusals[refused.id] = THROTTLED

    assert Drained(published=9, deferred=1) == bench.drain()
    assert [refused.id, later.id] == [entry.event_id for entry in bench.outbox.waiting]


def test_a_refused_event_goes_out_when_the_bus_recovers(bench: Bench) -> None:
    """The next drain publishes it, before what follows it."""
    refused, later = event(TENANT), event(TENANT)
    bench.outbox.write(refused)
    bench.publisher.refusals[refused.id] = THROTTLED
    bench.drain()
    bench.outbox.write(later)
    bench.publisher.refusals.clear()
    bench.drain()

    assert [refused.id, later.id] == [entry.event_id for entry in bench.publisher.published]


def test_a_hopeless_event_is_parked(bench: Bench) -> None:
    """An event the bus can never take is set aside, and the next one goes out."""
    hopeless, later = event(TENANT), event(TENANT)
    bench.outbox.write(hopeless, later)
    bench.publisher.refusals[hopeless.id] = Refusal("MalformedDetail", final=True)

    assert Drained(published=1, parked=1) == bench.drain()
    assert [hopeless.id] == [entry.event_id for entry in bench.outbox.parked]


def test_an_oversized_event_is_parked_unsent(bench: Bench) -> None:
    """An event beyond 256 KiB would make the whole call fail, so it is never sent."""
    bench.outbox.write(event(TENANT, data={"text": "x" * 300_000}), event(TENANT))

    assert Drained(published=1, parked=1) == bench.drain()


def test_large_events_share_no_batch(bench: Bench) -> None:
    """Three events of 100 KB fit into two calls, not into one; all are published."""
    bench.outbox.write(*(event(TENANT, data={"text": "x" * 100_000}) for _ in range(3)))

    assert Drained(published=3) == bench.drain()
    assert [2, 1] == bench.publisher.batches


def test_the_drain_ends_before_its_time_does(bench: Bench) -> None:
    """With too little time for another batch it stops, and nudges so that it goes on soon."""
    bench.outbox.write(*(event(TENANT) for _ in range(25)))

    assert Drained(published=10, finished=False) == bench.drain(seconds=BATCH_SECONDS - 1)
    assert bench.nudge.pending
