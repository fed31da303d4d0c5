-- The event bus: how far each tenant's events have been published, and who listens to them.

-- `publication` numbers a tenant's events 1, 2, 3… in the order in which they were published: the
-- relay assigns it while it holds the tenant's row in relay_positions, so a reader that has seen n
-- never meets a smaller number later, which `seq` cannot promise (transactions commit out of order).
-- `refusal` is the bus's reason why an event can never be published as it is.
alter table app.outbox
    add column publication bigint,
    add column refusal text;
create unique index outbox_in_publishing_order on app.outbox (tenant_id, publication)
where publication is not null;
create index outbox_waiting on app.outbox (tenant_id, seq)
where published_at is null and refusal is null;
drop index app.outbox_unpublished;

-- Locked by the one relay that publishes a tenant's events at a time.
create table app.relay_positions (
    tenant_id uuid not null,
    last_publication bigint not null default 0,
    primary key (tenant_id)
);
select app.isolate('relay_positions', '', platform => 'select, insert, update');

-- API Gateway names a connection before and after it has told us whose it is: at the end of a
-- connection only its id is known, hence the second index and the platform role's part.
create table app.sockets (
    tenant_id uuid not null,
    connection_id text not null check (char_length(connection_id) between 1 and 128),
    key_id uuid not null,
    types text[] not null default '{}' check (cardinality(types) <= 50),
    connected_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_id, connection_id)
);
create index sockets_by_connection on app.sockets (connection_id);
select app.isolate('sockets', 'select, insert, delete', platform => 'select, update, delete');
