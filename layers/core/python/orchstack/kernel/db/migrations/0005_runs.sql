-- Runs that wait, are queued, cancelled, forked, asked for by other runs, and swept up when nobody
-- drives them any more.

alter table app.runs
    add column variant text check (variant in ('stable', 'canary')),
    add column overrides jsonb not null default '{}',
    -- The run and step that asked for this one; `forked_from`: whose steps it took over.
    add column parent jsonb,
    add column forked_from jsonb,
    add column attachments jsonb not null default '[]',
    -- The output is JSON that fits the agent's output schema.
    add column structured boolean not null default false,
    add column question text,
    add column begun_at timestamptz,
    add column erased_at timestamptz,
    add column cancel_requested_at timestamptz,
    -- Drivers that set about what comes next: one is usual, more mean that one died over it.
    add column tries integer not null default 0,
    -- Executions of the state machine that were started for it.
    add column starts integer not null default 0,
    -- What the state machine waits with while a human is asked.
    add column task_token text,
    -- Before this a sweeper need not look: a human may still answer, or an execution begin.
    add column wake_at timestamptz,
    drop constraint runs_mode_check,
    drop constraint runs_status_check,
    drop constraint runs_check1;

alter table app.runs
    add constraint runs_mode_check check (mode in ('wait', 'stream', 'background')),
    add constraint runs_status_check check (
        status in ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled')
    ),
    add constraint runs_end_check check (
        (status in ('completed', 'failed', 'cancelled')) = (finished_at is not null)
    );

alter table app.run_steps drop constraint run_steps_kind_check;
alter table app.run_steps add constraint run_steps_kind_check check (
    kind in ('guard', 'model', 'tool', 'wait', 'handoff', 'finish')
);

drop index app.runs_by_lease;
-- What a sweeper looks for: runs that are not over and that nobody drives.
create index runs_adrift
on app.runs (coalesce(cancel_requested_at, greatest(wake_at, lease_until), created_at))
where finished_at is null;
-- Whose turn it is in a session.
create index runs_under_way on app.runs (tenant_id, session_id, run_id)
where finished_at is null and session_id is not null;
create index runs_by_parent on app.runs (tenant_id, (parent ->> 'run_id')) where parent is not null;

-- A sweeper works for all tenants, and learns no more of a run than that it is adrift.
create policy all_rows on app.runs to orchstack_platform using (true) with check (true);
grant select (
    tenant_id, run_id, session_id, status, starts, cancel_requested_at, wake_at, lease_until,
    created_at, finished_at
) on app.runs to orchstack_platform;
grant update (starts, wake_at) on app.runs to orchstack_platform;
