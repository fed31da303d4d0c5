"""The relay dies between publishing and marking, again and again, while events keep coming."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from orchstack.event_bus.adapters.in_memory import InMemoryNudge, InMemoryPublisher
from orchstack.event_bus.adapters.postgres import PostgresAnnouncements, PostgresOutbox
from orchstack.event_bus.model import OutboxEntry, Refusal, Selection
from orchstack.event_bus.service import Relay
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.outbox import write
from orchstack.kernel.db.session import Database
from orchstack.kernel.events import Announcement
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from tests.make import event

TENANTS = [new_id() for _ in range(3)]
THROTTLED = Refusal("ThrottlingException", final=False)


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class MortalPublisher(InMemoryPublisher):
    """A bus whose caller dies right after a batch was taken; `lives` are the calls until then."""

    def __init__(self) -> None:
        """Live for ever, until told otherwise."""
        super().__init__()
        self.lives: int | None = None

    def publish(self, entries: Sequence[OutboxEntry]) -> dict[UUID, Refusal]:
        """Take the batch, and perhaps kill."""
        refused = super().publish(entries)
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise Killed
        return refused


@pytest.fixture
def databases(database_settings: DatabaseSettings) -> Iterator[tuple[Database, Database]]:
    """The application's and the platform's way in."""
    platform = database_settings.model_copy(update={"user": "orchstack_platform"})
    with (
        closing(Database(connector(database_settings))) as application,
        closing(Database(connector(platform))) as relaying,
    ):
        yield application, relaying


def test_no_event_is_lost_and_each_tenants_order_is_kept(
    databases: tuple[Database, Database],
) -> None:
    """Whenever the relay dies or the bus refuses: every event goes out, in order, at least once."""
    application, platform = databases
    run_state_machine_as_test(
        type("Machine", (RelayedOutbox,), {"application": application, "platform": platform}),
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class RelayedOutbox(RuleBasedStateMachine):
    """Tenants announce, relays drain and die."""

    application: Database
    platform: Database

    def __init__(self) -> None:
        """Publish what the example before left."""
        super().__init__()
        self._relay(InMemoryPublisher())
        self._publisher = MortalPublisher()
        self._refused = False
        self._written: dict[UUID, list[UUID]] = {tenant: [] for tenant in TENANTS}
        self._known = {tenant: self._listed(tenant) for tenant in TENANTS}
        self._earlier = {tenant: len(self._known[tenant]) for tenant in TENANTS}

    @rule(tenant=st.sampled_from(TENANTS), count=st.integers(1, 12))
    def announce(self, tenant: UUID, count: int) -> None:
        """A change announces some events."""
        events = tuple(event(tenant) for _ in range(count))
        with self.application.transaction(tenant) as tx:
            write(tx, Announcement(events=events))
        self._written[tenant] += [e.id for e in events]

    @rule(lives=st.integers(0, 3))
    def die_while_draining(self, lives: int) -> None:
        """A relay is killed after PutEvents, before the mark."""
        self._publisher.lives = lives
        try:
            self._relay(self._publisher)
        except Killed:
            self.platform.close()
        self._publisher.lives = None

    @rule(data=st.data())
    def refuse_one(self, data: st.DataObject) -> None:
        """The bus refuses one of the events for now."""
        ids = [id_ for ids in self._written.values() for id_ in ids]
        if ids:
            self._publisher.refusals = {data.draw(st.sampled_from(ids)): THROTTLED}
            self._relay(self._publisher)
            self._publisher.refusals = {}
            self._refused = True

    @rule()
    def drain(self) -> None:
        """A relay that lives publishes everything; unless the bus refused some, in order."""
        self._relay(self._publisher)
        for tenant, written in self._written.items():
            sent = [e.event_id for e in self._publisher.published if e.tenant_id == tenant]

            assert set(written) == set(sent)
            assert self._refused or written == list(dict.fromkeys(sent))

    @invariant()
    def listed_was_sent(self) -> None:
        """What is marked as published has reached the bus."""
        sent = {entry.event_id for entry in self._publisher.published}
        for tenant in TENANTS:
            assert set(self._listed(tenant)[self._earlier[tenant] :]) <= sent

    @invariant()
    def positions_only_grow(self) -> None:
        """A listing never changes behind a reader: what was listed stays a prefix."""
        for tenant in TENANTS:
            listed, known = self._listed(tenant), self._known[tenant]
            self._known[tenant] = listed

            assert known == listed[: len(known)]

    def _relay(self, publisher: InMemoryPublisher) -> None:
        clock = ManualClock()
        outbox = PostgresOutbox(self.platform)
        Relay(outbox, publisher, InMemoryNudge(), clock.monotonic).drain(deadline=1_000)

    def _listed(self, tenant: UUID) -> list[UUID]:
        announcements = PostgresAnnouncements(self.application)
        rows = announcements.events(tenant, Selection(limit=10_000, order="asc"))
        return [found.id for _, found in rows]
