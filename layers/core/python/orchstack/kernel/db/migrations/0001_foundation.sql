-- What every service stands on: the tenant of a transaction, isolation as one call, the outbox, the
-- audit log, stored answers and the consumers' inbox. The roles and the schema `app` exist already:
-- the runner makes them, because only the administrator may.

-- Sets the tenant until the end of the transaction. A stored function, because an RDS Proxy keeps a
-- session for itself after a plain SET.
create function app.set_tenant(tenant uuid) returns void
language sql
as $$ select set_config('app.tenant_id', tenant::text, true) $$;

-- After a transaction the setting is '' and not null, hence nullif.
create function app.current_tenant() returns uuid
language sql stable
as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- Puts a table under row-level security, the owner included, and grants the named privileges to the
-- application. `platform` names what the platform role may do to the rows of all tenants.
create function app.isolate(
    table_name text, application text, platform text default '', tenant_column text default 'tenant_id'
) returns void
language plpgsql
as $$
declare
    own_rows text := format('%I = (select app.current_tenant())', tenant_column);
begin
    execute format('alter table app.%I enable row level security', table_name);
    execute format('alter table app.%I force row level security', table_name);
    execute format(
        'create policy own_rows on app.%I to orchstack_app using (%s) with check (%s)',
        table_name, own_rows, own_rows
    );
    if application <> '' then
        execute format('grant %s on app.%I to orchstack_app', application, table_name);
    end if;
    if platform <> '' then
        execute format(
            'create policy all_rows on app.%I to orchstack_platform using (true) with check (true)',
            table_name
        );
        execute format('grant %s on app.%I to orchstack_platform', platform, table_name);
    end if;
end
$$;

revoke execute on all functions in schema app from public;
grant execute on function app.set_tenant(uuid), app.current_tenant()
    to orchstack_app, orchstack_platform;

create table app.tenants (
    id uuid not null,
    name text not null check (char_length(name) between 1 and 200),
    status text not null default 'active' check (status in ('active', 'suspended')),
    created_at timestamptz not null,
    primary key (id)
);
select app.isolate('tenants', 'select', platform => 'select, insert, update', tenant_column => 'id');

-- `seq` orders the relay; events stay after their publication, as the tenant's own event list.
create table app.outbox (
    tenant_id uuid not null,
    event_id uuid not null,
    seq bigint generated always as identity,
    event jsonb not null,
    published_at timestamptz,
    primary key (tenant_id, event_id)
);
create index outbox_unpublished on app.outbox (seq) where published_at is null;
create index outbox_published on app.outbox (published_at) where published_at is not null;
select app.isolate('outbox', 'select, insert', platform => 'select, insert, update, delete');

create table app.audit_entries (
    tenant_id uuid not null,
    id uuid not null,
    seq bigint generated always as identity,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    outcome text not null check (outcome in ('allowed', 'denied', 'succeeded', 'failed')),
    facts jsonb not null,
    primary key (tenant_id, id)
);
create index audit_entries_in_order on app.audit_entries (tenant_id, seq);
select app.isolate('audit_entries', 'select, insert', platform => 'insert');

create function app.refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception 'app.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function app.refuse_change() from public;

create trigger append_only before update or delete on app.audit_entries
for each row execute function app.refuse_change();
create trigger append_only_whole before truncate on app.audit_entries
for each statement execute function app.refuse_change();

create table app.idempotency_answers (
    tenant_id uuid not null,
    operation text not null,
    key text not null check (char_length(key) between 1 and 255),
    fingerprint text not null,
    status integer not null,
    headers jsonb not null,
    body text not null,
    expires_at timestamptz not null,
    primary key (tenant_id, operation, key)
);
create index idempotency_answers_expired on app.idempotency_answers (expires_at);
select app.isolate(
    'idempotency_answers', 'select, insert, update',
    platform => 'select, insert, update, delete'
);

-- What a consumer has taken in: the row is inserted with the effect, a second delivery finds it.
create table app.inbox (
    tenant_id uuid not null,
    consumer text not null,
    message_id text not null check (char_length(message_id) between 1 and 255),
    taken_at timestamptz not null default now(),
    primary key (tenant_id, consumer, message_id)
);
create index inbox_taken on app.inbox (taken_at);
select app.isolate('inbox', 'select, insert', platform => 'select, insert, delete');
