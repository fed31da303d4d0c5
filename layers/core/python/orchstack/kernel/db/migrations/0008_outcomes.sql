-- Outcomes: what each run took by stage, guard and tool, and what people thought of it.

alter table app.outcomes
    add column key_id uuid,
    add column variant text check (variant in ('stable', 'canary')),
    add column mode text not null default 'wait',
    -- A fork does not speak for its version: it may run under other instructions.
    add column forked boolean not null default false,
    -- Another run asked for it, and counts what it took as its own.
    add column nested boolean not null default false,
    add column stages jsonb not null default '{}',
    add column guards_allowed integer not null default 0,
    add column guards_redacted integer not null default 0,
    add column guards_blocked integer not null default 0,
    add column tools_ok integer not null default 0,
    add column tools_failed integer not null default 0,
    add column handoffs integer not null default 0,
    add column created_at timestamptz,
    drop constraint outcomes_status_check,
    add constraint outcomes_status_check check (status in ('completed', 'failed', 'cancelled'));
create index outcomes_in_order on app.outcomes (tenant_id, finished_at desc, run_id desc);

-- The review that counts: one a run, also before its outcome is recorded. `revision` counts up.
create table app.outcome_reviews (
    tenant_id uuid not null,
    run_id uuid not null,
    revision integer not null check (revision > 0),
    success boolean,
    score float8 check (score between 0 and 1),
    label text,
    business_value_micro_usd bigint,
    reviewer text not null,
    comment text not null default '',
    reviewed_at timestamptz not null,
    primary key (tenant_id, run_id),
    foreign key (tenant_id, run_id) references app.runs (tenant_id, run_id)
);
create index outcome_reviews_by_label on app.outcome_reviews (tenant_id, label)
where label is not null;

-- Every review there was. Only the comment can change, and only to be erased.
create table app.outcome_review_history (
    tenant_id uuid not null,
    run_id uuid not null,
    revision integer not null check (revision > 0),
    success boolean,
    score float8,
    label text,
    business_value_micro_usd bigint,
    reviewer text not null,
    comment text not null default '',
    reviewed_at timestamptz not null,
    primary key (tenant_id, run_id, revision),
    foreign key (tenant_id, run_id) references app.runs (tenant_id, run_id)
);

select app.isolate('outcome_reviews', 'select, insert, update');
select app.isolate('outcome_review_history', 'select, insert');
grant update (comment) on app.outcome_review_history to orchstack_app;
