-- The control plane: plan limits of tenants, API keys, and agents with their versions and aliases.

alter table app.tenants
    add column requests_per_minute integer not null default 1200
        check (requests_per_minute between 1 and 1000000),
    add column requests_per_minute_per_key integer not null default 600
        check (requests_per_minute_per_key between 1 and 1000000);

-- `digest` is the SHA-256 of the key's text, the only trace of it. `bootstrap` marks the platform's
-- own first key, which is derived from a secret and replaced when that changes.
create table app.api_keys (
    tenant_id uuid not null references app.tenants (id),
    id uuid not null,
    name text not null check (char_length(name) between 1 and 100),
    environment text not null check (environment in ('live', 'test')),
    scopes text[] not null check (cardinality(scopes) > 0),
    digest bytea not null check (octet_length(digest) = 32),
    bootstrap boolean not null default false,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, digest)
);
select app.isolate('api_keys', 'select, insert, update', platform => 'select, insert, update');

create table app.agents (
    tenant_id uuid not null references app.tenants (id),
    -- Ordered by character code in every installation, as the cursors of the listing assume.
    name text collate "C" not null check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, name)
);
select app.isolate('agents', 'select, insert, update');

-- The digest of the document, its defaults written out: one version for one document.
create table app.agent_versions (
    tenant_id uuid not null,
    agent text collate "C" not null,
    version integer not null check (version > 0),
    digest bytea not null check (octet_length(digest) = 32),
    document jsonb not null,
    published_at timestamptz not null,
    published_by text not null,
    primary key (tenant_id, agent, version),
    unique (tenant_id, agent, digest),
    foreign key (tenant_id, agent) references app.agents (tenant_id, name)
);
select app.isolate('agent_versions', 'select, insert');

create table app.agent_aliases (
    tenant_id uuid not null,
    agent text collate "C" not null,
    alias text not null check (alias ~ '^[a-z][a-z0-9-]{0,30}$'),
    version integer not null,
    primary key (tenant_id, agent, alias),
    foreign key (tenant_id, agent, version)
        references app.agent_versions (tenant_id, agent, version)
);
select app.isolate('agent_aliases', 'select, insert, update');
