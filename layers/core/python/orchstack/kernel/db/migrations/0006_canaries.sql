-- Canaries: a second version of an agent that answers a share of its sessions until it is promoted,
-- aborted, replaced, or rolled back by its own rules. The alias itself keeps naming the stable one.

create table app.canaries (
    tenant_id uuid not null,
    agent text collate "C" not null,
    alias text not null check (alias ~ '^[a-z][a-z0-9-]{0,30}$'),
    -- Counts the canaries of an alias; which sessions meet one is drawn anew for each.
    generation integer not null check (generation > 0),
    stable_version integer not null,
    version integer not null check (version <> stable_version),
    weight double precision not null check (weight > 0 and weight <= 1),
    rollback jsonb not null,
    -- What the runs of the two versions came to.
    trial jsonb not null,
    started_at timestamptz not null,
    started_by text not null,
    ended_at timestamptz,
    ended_by text,
    "end" text check ("end" in ('promoted', 'aborted', 'rolled_back', 'replaced')),
    primary key (tenant_id, agent, alias, generation),
    foreign key (tenant_id, agent, stable_version)
        references app.agent_versions (tenant_id, agent, version),
    foreign key (tenant_id, agent, version)
        references app.agent_versions (tenant_id, agent, version),
    check (num_nulls(ended_at, ended_by, "end") in (0, 3))
);
create unique index canaries_running on app.canaries (tenant_id, agent, alias)
    where ended_at is null;
select app.isolate('canaries', 'select, insert, update');

-- The runs that a running canary has counted, so that each counts once.
create table app.canary_runs (
    tenant_id uuid not null,
    agent text collate "C" not null,
    alias text not null,
    generation integer not null,
    run_id uuid not null,
    primary key (tenant_id, agent, alias, generation, run_id),
    foreign key (tenant_id, agent, alias, generation)
        references app.canaries (tenant_id, agent, alias, generation)
);
select app.isolate('canary_runs', 'select, insert, delete');
