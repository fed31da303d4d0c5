-- Sessions, runs and their journal, and what became of each run.

create table app.sessions (
    tenant_id uuid not null,
    session_id uuid not null,
    agent text not null,
    -- The last `seq` in session_messages; the row is locked while messages are added.
    message_count bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, session_id)
);

create table app.runs (
    tenant_id uuid not null,
    run_id uuid not null,
    agent text not null,
    version integer not null,
    key_id uuid not null,
    trace_id text not null,
    mode text not null check (mode in ('wait', 'stream')),
    session_id uuid,
    metadata jsonb not null default '{}',
    input text not null,
    history jsonb not null default '[]',
    status text not null check (status in ('running', 'completed', 'failed')),
    finish_reason text,
    output text not null default '',
    fault jsonb,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cost_micro_usd bigint not null default 0,
    step_count integer not null default 0,
    stages jsonb not null default '{}',
    spans jsonb not null default '[]',
    created_at timestamptz not null,
    finished_at timestamptz,
    idempotency_key text,
    request_hash text,
    -- Who may write the journal, and until when nobody else may take it over.
    lease_owner uuid,
    lease_until timestamptz,
    primary key (tenant_id, run_id),
    unique (tenant_id, idempotency_key),
    foreign key (tenant_id, session_id) references app.sessions (tenant_id, session_id),
    check ((idempotency_key is null) = (request_hash is null)),
    check ((status = 'running') = (finished_at is null))
);
create index runs_by_agent on app.runs (tenant_id, agent, run_id desc);
create index runs_by_status on app.runs (tenant_id, status, run_id desc);
create index runs_by_session on app.runs (tenant_id, session_id) where session_id is not null;
-- What a sweeper looks for: runs nobody drives any more.
create index runs_by_lease on app.runs (lease_until) where status = 'running';

create table app.run_steps (
    tenant_id uuid not null,
    run_id uuid not null,
    seq integer not null check (seq > 0),
    kind text not null check (kind in ('model', 'tool', 'guard', 'finish')),
    status text not null check (status in ('started', 'finished')),
    work jsonb not null,
    idempotency_key text,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cost_micro_usd bigint not null default 0,
    started_at timestamptz not null,
    finished_at timestamptz,
    primary key (tenant_id, run_id, seq),
    foreign key (tenant_id, run_id) references app.runs (tenant_id, run_id),
    check ((status = 'started') = (finished_at is null))
);

create table app.session_messages (
    tenant_id uuid not null,
    session_id uuid not null,
    seq bigint not null check (seq > 0),
    run_id uuid not null,
    role text not null check (role in ('system', 'user', 'assistant', 'tool')),
    content text not null,
    tool_calls jsonb not null default '[]',
    tool_call_id text,
    created_at timestamptz not null default now(),
    primary key (tenant_id, session_id, seq),
    foreign key (tenant_id, session_id) references app.sessions (tenant_id, session_id),
    foreign key (tenant_id, run_id) references app.runs (tenant_id, run_id)
);
create index session_messages_by_run on app.session_messages (tenant_id, run_id);

create table app.outcomes (
    tenant_id uuid not null,
    run_id uuid not null,
    agent text not null,
    version integer not null,
    status text not null check (status in ('completed', 'failed')),
    finish_reason text not null,
    error_code text,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cost_micro_usd bigint not null,
    step_count integer not null,
    latency_ms float8 not null,
    finished_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (tenant_id, run_id),
    foreign key (tenant_id, run_id) references app.runs (tenant_id, run_id)
);
create index outcomes_by_agent on app.outcomes (tenant_id, agent, version, finished_at);

select app.isolate('sessions', 'select, insert, update');
select app.isolate('runs', 'select, insert, update');
select app.isolate('run_steps', 'select, insert, update');
select app.isolate('session_messages', 'select, insert');
select app.isolate('outcomes', 'select, insert');
