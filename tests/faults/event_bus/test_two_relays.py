"""Two relays at once: nothing goes out twice, and no tenant's events overtake each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from orchstack.event_bus.adapters.postgres import PostgresOutbox
from orchstack.event_bus.model import OutboxEntry, Settlement
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.outbox import write
from orchstack.kernel.db.session import Database
from orchstack.kernel.events import Announcement
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from tests.make import event

TENANT, OTHER = new_id(), new_id()


def take_all(entries: Sequence[OutboxEntry]) -> Settlement:
    """A bus that takes everything."""
    return Settlement(published=tuple(entries))


def test_a_tenant_has_one_relay_at_a_time(
    database: Database, platform_database: Database, database_settings: DatabaseSettings
) -> None:
    """While one relay publishes a tenant's events, a second finds only those of other tenants."""
    for tenant in (TENANT, OTHER):
        with database.transaction(tenant) as tx:
            write(tx, Announcement(events=tuple(event(tenant) for _ in range(12))))
    platform = database_settings.model_copy(update={"user": "orchstack_platform"})
    found: list[OutboxEntry] = []

    with closing(Database(connector(platform))) as second:

        def meanwhile(entries: Sequence[OutboxEntry]) -> Settlement:
            settled = PostgresOutbox(second).next_batch(take_all, passing=frozenset())
            found.extend(settled.published if settled else ())
            return take_all(entries)

        PostgresOutbox(platform_database).next_batch(meanwhile, passing=frozenset({OTHER}))

    assert 10 == len(found)
    assert {OTHER} == {entry.tenant_id for entry in found}
