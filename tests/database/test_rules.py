"""The rules of isolation hold in the schema as shipped; each can be broken, and is then seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orchstack.kernel.db.rules import violations

Connection = psycopg.Connection[Any]

_THING = """
    set role orchstack_owner;
    create table app.thing (
        tenant_id uuid not null, id uuid not null, slug text, primary key (tenant_id, id)
    );
    select app.isolate('thing', 'select, insert');
"""
_OWN = "tenant_id = (select app.current_tenant())"
_PLANTED = {
    "no row security": (
        "alter table app.thing disable row level security",
        "table_without_forced_row_security: app.thing",
    ),
    "the owner is not bound": (
        "alter table app.thing no force row level security",
        "table_without_forced_row_security: app.thing",
    ),
    "a partition by itself": (
        (
            "create table app.part (tenant_id uuid not null, n int) partition by list (n);"
            "select app.isolate('part', 'select');"
            "create table app.part_1 partition of app.part for values in (1)"
        ),
        "table_without_forced_row_security: app.part_1",
    ),
    "a granted partition": (
        (
            "create table app.part (tenant_id uuid not null, n int) partition by list (n);"
            "create table app.part_1 partition of app.part for values in (1);"
            "select app.isolate('part_1', 'select')"
        ),
        "privilege_on_relation: app.part_1: select to orchstack_app",
    ),
    "no tenant": ("create table app.loose (n int)", "table_without_tenant_id: app.loose"),
    "a tenant that may be null": (
        "create table app.loose (tenant_id uuid)",
        "table_without_tenant_id: app.loose",
    ),
    "a policy without check": (
        (
            f"drop policy own_rows on app.thing;"
            f"create policy own_rows on app.thing to orchstack_app using ({_OWN})"
        ),
        "policy_that_does_not_isolate: app.thing: policy own_rows",
    ),
    "a policy that sees all": (
        f"create policy open on app.thing to orchstack_app using (true) with check ({_OWN})",
        "policy_that_does_not_isolate: app.thing: policy open",
    ),
    "a policy for everybody": (
        f"create policy open on app.thing using ({_OWN}) with check ({_OWN})",
        "policy_that_does_not_isolate: app.thing: policy open",
    ),
    "a policy that compares too little": (
        (
            "create policy open on app.thing to orchstack_app "
            "using (tenant_id is not null) with check (tenant_id is not null)"
        ),
        "policy_that_does_not_isolate: app.thing: policy open",
    ),
    "a unique key as an oracle": (
        "alter table app.thing add constraint thing_slug unique (slug)",
        "unique_key_not_led_by_tenant: app.thing: thing_slug",
    ),
    "a unique index as an oracle": (
        "create unique index thing_slug on app.thing (lower(slug), tenant_id)",
        "unique_key_not_led_by_tenant: app.thing: thing_slug",
    ),
    "a key by id only": (
        "create table app.loose (tenant_id uuid not null, id uuid primary key)",
        "unique_key_not_led_by_tenant: app.loose: loose_pkey",
    ),
    "a foreign key across tenants": (
        (
            "create table app.child (tenant_id uuid not null, other uuid, id uuid, "
            "primary key (tenant_id, id), constraint across foreign key (other, id) "
            "references app.thing (tenant_id, id))"
        ),
        "foreign_key_not_led_by_tenant: app.child: across",
    ),
    "a function as its owner": (
        (
            "create function app.peek() returns bigint language sql security definer "
            "as 'select count(*) from app.thing'"
        ),
        "function_as_definer: app.peek()",
    ),
    "a function as its owner elsewhere": (
        (
            "reset role; create function public.peek() returns bigint language sql "
            "security definer as 'select count(*) from app.thing'"
        ),
        "function_as_definer: peek()",
    ),
    "a function that is called leakproof": (
        (
            "reset role; create function app.peek(text) returns bool language sql leakproof "
            "as 'select true'"
        ),
        "function_called_leakproof: app.peek(text)",
    ),
    "a view as its owner": (
        "create view app.all_things as select * from app.thing",
        "view_without_invoker_rights: app.all_things",
    ),
    "a materialized view": (
        "create materialized view app.copy as select * from app.thing",
        "relation_kind_that_cannot_be_isolated: app.copy",
    ),
    "a rewrite rule": (
        "create rule also as on insert to app.thing do also select 1",
        "rewrite_rule: app.thing: also",
    ),
    "truncate": (
        "grant truncate on app.thing to orchstack_app",
        "privilege_on_relation: app.thing: truncate to orchstack_app",
    ),
    "references": (
        "grant references on app.thing to orchstack_app",
        "privilege_on_relation: app.thing: references to orchstack_app",
    ),
    "a privilege to hand on": (
        "grant select on app.thing to orchstack_app with grant option",
        "privilege_on_relation: app.thing: select to orchstack_app",
    ),
    "a table open to everybody": (
        "grant select on app.thing to public",
        "privilege_on_relation: app.thing: select to public",
    ),
    "a column open to everybody": (
        "grant select (slug) on app.thing to public",
        "privilege_on_relation: app.thing: select to public",
    ),
    "a table outside the schema": (
        (
            "reset role; create table public.aside (n int);"
            "grant select on public.aside to orchstack_app"
        ),
        "privilege_on_relation: aside: select to orchstack_app",
    ),
    "a sequence": (
        "create sequence app.numbers; grant usage on sequence app.numbers to orchstack_app",
        "privilege_on_relation: app.numbers: usage to orchstack_app",
    ),
    "the ledger of migrations": (
        "grant select on migration.applied to orchstack_app",
        "privilege_on_relation: migration.applied: select to orchstack_app",
    ),
    "a function for everybody": (
        (
            "create function app.peek() returns int language sql as 'select 1';"
            "grant execute on function app.peek() to public"
        ),
        "privilege_on_function: app.peek(): public",
    ),
    "a schema to create in": (
        "grant create on schema app to orchstack_app",
        "privilege_on_schema: app: create to orchstack_app",
    ),
    "a schema for everybody": (
        "grant usage on schema app to public",
        "privilege_on_schema: app: usage to public",
    ),
    "the public schema to create in": (
        "reset role; grant create on schema public to public",
        "schema_open_to_creation: public: orchstack_app",
    ),
    "privileges on tables to come": (
        "alter default privileges in schema app grant select on tables to orchstack_app",
        "default_privilege: app: r",
    ),
    "a table of the administrator": (
        "reset role; alter table app.thing owner to postgres",
        "owned_by_another_role: relation app.thing",
    ),
    "a table of the application": (
        "reset role; alter table app.thing owner to orchstack_app",
        "application_owns_something: orchstack_app: table app.thing",
    ),
    "an application that bypasses": (
        "reset role; alter role orchstack_app bypassrls",
        "role_too_powerful: orchstack_app",
    ),
    "an owner who can log in": (
        "reset role; alter role orchstack_owner login",
        "role_too_powerful: orchstack_owner",
    ),
    "an application in the owner's role": (
        "reset role; grant orchstack_owner to orchstack_app",
        "role_in_another_role: orchstack_app in orchstack_owner",
    ),
}


@pytest.fixture
def scratch(admin_dsn: str) -> Iterator[Connection]:
    """The administrator inside a transaction that is rolled back: roles are the whole server's."""
    with psycopg.connect(admin_dsn) as connection:
        connection.execute(_THING)
        yield connection
        connection.rollback()


def test_the_schema_keeps_all_rules(admin_dsn: str) -> None:
    """No table, view, function, sequence, role or grant as shipped breaks a rule."""
    with psycopg.connect(admin_dsn) as connection:
        assert [] == violations(connection)


def test_an_isolated_table_keeps_all_rules(scratch: Connection) -> None:
    """What `app.isolate` makes is what the rules ask for, so the cases below start from nothing."""
    assert [] == violations(scratch)


@pytest.mark.parametrize("case", _PLANTED)
def test_a_broken_rule_is_seen(scratch: Connection, case: str) -> None:
    """Each way around the isolation is named when it is planted."""
    statement, expected = _PLANTED[case]
    scratch.execute(statement)
    assert expected in violations(scratch)
