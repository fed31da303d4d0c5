"""The foundation's tables: what each role may do, and what nobody may."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from orchstack.kernel.db import outbox
from orchstack.kernel.db.session import Database
from orchstack.kernel.events import Announcement
from orchstack.kernel.ids import new_id
from tests import make

_INSERT_INBOX = "insert into app.inbox (tenant_id, consumer, message_id) values (%s, 'c', %s)"


def test_events_keep_the_order_they_were_given_in(database: Database) -> None:
    """The relay publishes in the order of `seq`, which is the order of the announcement."""
    mine = new_id()
    events = tuple(make.event(mine, subject=f"agents/a{n}") for n in range(20))
    with database.transaction(mine) as tx:
        outbox.write(tx, Announcement(events=events))
        rows = tx.all("select event from app.outbox order by seq")
    assert [event.model_dump(mode="json") for event in events] == [row["event"] for row in rows]


def test_an_audit_entry_is_kept_whole(database: Database) -> None:
    """Every field of an entry is read back as it was written."""
    mine = new_id()
    entry = make.audit_entry(mine, facts={"count": 3, "name": "żółć \u2028 '; drop table x"})
    with database.transaction(mine) as tx:
        outbox.write(tx, Announcement(audit=(entry,)))
        row = tx.one(
            "select id, tenant_id, at, actor, action, subject, outcome, facts "
            "from app.audit_entries"
        )
    assert entry.model_dump() == row


def test_nothing_is_written_for_another_tenant(database: Database) -> None:
    """An event of another tenant cannot be slipped into one's own transaction."""
    with pytest.raises(errors.InsufficientPrivilege), database.transaction(new_id()) as tx:
        outbox.write(tx, make.announcement(new_id()))


@pytest.mark.parametrize(
    "statement",
    [
        "update app.audit_entries set outcome = 'denied'",
        "delete from app.audit_entries",
        "truncate app.audit_entries",
        "update app.outbox set event = '{}'",
        "delete from app.outbox",
        "insert into app.tenants (id, name, created_at) values (uuidv7(), 'x', now())",
        "delete from app.inbox",
        "delete from app.idempotency_answers",
        "create table app.mine (tenant_id uuid)",
        "create table public.mine (tenant_id uuid)",
        "set role orchstack_owner",
        "select * from migration.applied",
        "select app.isolate('outbox', 'delete')",
        "alter table app.outbox no force row level security",
        "set session authorization postgres",
    ],
)
def test_the_application_may_not(database: Database, statement: str) -> None:
    """What the application never needs is refused, whoever writes the statement."""
    with pytest.raises(errors.InsufficientPrivilege), database.transaction(new_id()) as tx:
        tx.execute(statement)


@pytest.mark.parametrize(
    "statement",
    ["update app.audit_entries set outcome = 'denied'", "delete from app.audit_entries"],
)
def test_not_even_the_administrator_changes_the_audit_log(
    database: Database, admin_dsn: str, statement: str
) -> None:
    """The audit log only grows; a trigger stands where grants do not reach."""
    mine = new_id()
    with database.transaction(mine) as tx:
        outbox.write(tx, make.announcement(mine))
    with psycopg.connect(admin_dsn) as admin, pytest.raises(errors.InsufficientPrivilege):
        admin.execute(statement)


def test_the_platform_relays_for_all_tenants(
    database: Database, platform_database: Database
) -> None:
    """The platform role sees the events of every tenant and marks them as published."""
    for tenant_id in (new_id(), new_id()):
        with database.transaction(tenant_id) as tx:
            outbox.write(tx, make.announcement(tenant_id))
    with platform_database.transaction(None) as tx:
        assert 2 == len(tx.all("select * from app.outbox where published_at is null"))


def test_the_platform_does_not_read_the_audit_log(
    database: Database, platform_database: Database
) -> None:
    """The platform role adds audit entries, and reads nobody's."""
    mine = new_id()
    with database.transaction(mine) as tx:
        outbox.write(tx, make.announcement(mine))
    with platform_database.transaction(None) as tx:
        outbox.write(tx, Announcement(audit=(make.audit_entry(mine),)))
    with pytest.raises(errors.InsufficientPrivilege), platform_database.transaction(None) as tx:
        tx.all("select * from app.audit_entries")


def test_a_tenant_sees_its_own_line_only(database: Database, admin_dsn: str) -> None:
    """The list of tenants is nobody's to read."""
    mine, other = new_id(), new_id()
    with psycopg.connect(admin_dsn) as admin:
        for tenant_id in (mine, other):
            admin.execute(
                "insert into app.tenants (id, name, created_at) values (%s, 'x', now())",
                (tenant_id,),
            )
    with database.transaction(mine) as tx:
        assert [mine] == [row["id"] for row in tx.all("select id from app.tenants")]


def test_a_message_is_taken_in_once_a_consumer(database: Database) -> None:
    """The second delivery of a message meets the first one's line."""
    mine = new_id()
    with database.transaction(mine) as tx:
        assert 1 == tx.execute(_INSERT_INBOX, (mine, "m"))
    with database.transaction(mine) as tx:
        assert 0 == tx.execute(f"{_INSERT_INBOX} on conflict do nothing", (mine, "m"))


def test_one_tenants_keys_say_nothing_about_anothers(database: Database) -> None:
    """The same message id of another tenant is free: unique keys are no oracle."""
    for tenant_id in (new_id(), new_id()):
        with database.transaction(tenant_id) as tx:
            assert 1 == tx.execute(_INSERT_INBOX, (tenant_id, "m"))


def test_the_roles_settings_end_what_hangs(database: Database) -> None:
    """A statement, a lock and an idle transaction each end by themselves."""
    with database.transaction(new_id()) as tx:
        row = tx.one(
            "select current_setting('statement_timeout') as statement, "
            "current_setting('lock_timeout') as lock, "
            "current_setting('idle_in_transaction_session_timeout') as idle_transaction, "
            "current_setting('idle_session_timeout') as idle"
        )
    assert {"statement": "30s", "lock": "5s", "idle_transaction": "1min", "idle": "5min"} == row
