-- name: find_key
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata, input,
    status, finish_reason, output, fault, input_tokens, output_tokens, cost_micro_usd, step_count,
    stages, created_at, finished_at, request_hash,
    greatest(0, coalesce(extract(epoch from lease_until - clock_timestamp()), 0))::float8 as lease_s
from app.runs
where tenant_id = %(tenant_id)s and idempotency_key = %(key)s;

-- name: begin_session
insert into app.sessions (tenant_id, session_id, agent)
values (%(tenant_id)s, %(session_id)s, %(agent)s)
on conflict do nothing;

-- name: open
with opened as (
    insert into app.runs (
        tenant_id, run_id, agent, version, key_id, trace_id, mode, session_id, metadata, input,
        history, status, finish_reason, output, fault, input_tokens, output_tokens, cost_micro_usd,
        step_count, stages, spans, created_at, finished_at, idempotency_key, request_hash,
        lease_owner, lease_until
    )
    select
        tenant_id, id, agent, version, key_id, trace_id, mode, session_id, metadata, input,
        history, status, finish_reason, output, fault,
        (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint, cost_micro_usd,
        step_count, stages, spans, created_at, finished_at, %(key)s, %(request_hash)s,
        %(owner)s, clock_timestamp() + make_interval(secs => %(seconds)s)
    from jsonb_to_record(%(run)s::jsonb) as given (
        tenant_id uuid, id uuid, agent text, version integer, key_id uuid, trace_id text, mode text,
        session_id uuid, metadata jsonb, input text, history jsonb, status text,
        finish_reason text, output text, fault jsonb, usage jsonb, cost_micro_usd bigint,
        step_count integer, stages jsonb, spans jsonb, created_at timestamptz,
        finished_at timestamptz
    )
    on conflict (tenant_id, idempotency_key) do nothing
    returning tenant_id, run_id
)
insert into app.run_steps (
    tenant_id, run_id, seq, kind, status, work, idempotency_key, input_tokens, output_tokens,
    cost_micro_usd, started_at, finished_at
)
select
    opened.tenant_id, opened.run_id, seq, work ->> 'kind', status, work, idempotency_key,
    (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint, cost_micro_usd,
    started_at, finished_at
from opened, jsonb_to_recordset(%(steps)s::jsonb) as given (
    seq integer, status text, work jsonb, idempotency_key text, usage jsonb, cost_micro_usd bigint,
    started_at timestamptz, finished_at timestamptz
);

-- name: append
with held as (
    update app.runs
    set status = given.status,
        finish_reason = given.finish_reason,
        output = given.output,
        fault = given.fault,
        input_tokens = (given.usage ->> 'input_tokens')::bigint,
        output_tokens = (given.usage ->> 'output_tokens')::bigint,
        cost_micro_usd = given.cost_micro_usd,
        step_count = given.step_count,
        stages = given.stages,
        spans = given.spans,
        finished_at = given.finished_at,
        lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    from jsonb_to_record(%(run)s::jsonb) as given (
        status text, finish_reason text, output text, fault jsonb, usage jsonb,
        cost_micro_usd bigint, step_count integer, stages jsonb, spans jsonb,
        finished_at timestamptz
    )
    where runs.tenant_id = %(tenant_id)s and runs.run_id = %(run_id)s
        and runs.lease_owner = %(owner)s and runs.status = 'running'
    returning runs.tenant_id, runs.run_id
)
insert into app.run_steps (
    tenant_id, run_id, seq, kind, status, work, idempotency_key, input_tokens, output_tokens,
    cost_micro_usd, started_at, finished_at
)
select
    held.tenant_id, held.run_id, seq, work ->> 'kind', status, work, idempotency_key,
    (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint, cost_micro_usd,
    started_at, finished_at
from held, jsonb_to_recordset(%(steps)s::jsonb) as given (
    seq integer, status text, work jsonb, idempotency_key text, usage jsonb, cost_micro_usd bigint,
    started_at timestamptz, finished_at timestamptz
)
on conflict (tenant_id, run_id, seq) do update
set status = excluded.status,
    work = excluded.work,
    input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens,
    cost_micro_usd = excluded.cost_micro_usd,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at
where run_steps.status = 'started';

-- name: renew
update app.runs
set lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
    and lease_owner = %(owner)s and status = 'running';

-- name: lock_run
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata, input,
    history, status, finish_reason, output, fault, input_tokens, output_tokens, cost_micro_usd,
    step_count, stages, spans, created_at, finished_at,
    greatest(0, coalesce(extract(epoch from lease_until - clock_timestamp()), 0))::float8 as lease_s
from app.runs
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
for update;

-- name: take_lease
update app.runs
set lease_owner = %(owner)s, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: run
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata, input,
    history, status, finish_reason, output, fault, input_tokens, output_tokens, cost_micro_usd,
    step_count, stages, spans, created_at, finished_at
from app.runs
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: steps
select seq, status, work, idempotency_key, input_tokens, output_tokens, cost_micro_usd,
    started_at, finished_at
from app.run_steps
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
order by seq;

-- name: page
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata, input,
    status, finish_reason, output, fault, input_tokens, output_tokens, cost_micro_usd, step_count,
    stages, created_at, finished_at
from app.runs
where tenant_id = %(tenant_id)s
    and (%(before)s::uuid is null or run_id < %(before)s)
    and (%(agent)s::text is null or agent = %(agent)s)
    and (%(status)s::text is null or status = %(status)s)
order by run_id desc
limit %(limit)s;
