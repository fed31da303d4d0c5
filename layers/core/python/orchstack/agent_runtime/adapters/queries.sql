-- name: find_key
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata,
    variant, overrides, parent, forked_from, attachments, input, status, finish_reason, output,
    structured,
    fault,
    input_tokens, output_tokens, cost_micro_usd, step_count, stages, question, created_at, begun_at,
    finished_at, erased_at, request_hash,
    greatest(0, coalesce(extract(epoch from lease_until - clock_timestamp()), 0))::float8 as lease_s
from app.runs
where tenant_id = %(tenant_id)s and idempotency_key = %(key)s;

-- name: begin_session
insert into app.sessions (tenant_id, session_id, agent)
values (%(tenant_id)s, %(session_id)s, %(agent)s)
on conflict do nothing;

-- name: lock_session
-- Runs of a session begin one after the other. Not `for update`: foreign keys must still be checked.
select deleted_at is not null as deleted from app.sessions
where tenant_id = %(tenant_id)s and session_id = %(session_id)s
for no key update;

-- name: active_in_session
select run_id from app.runs
where tenant_id = %(tenant_id)s and session_id = %(session_id)s and finished_at is null
order by run_id
limit 1;

-- name: ahead_in_session
-- Ids made by two machines at once may be written in another order, hence `status`.
select run_id from app.runs
where tenant_id = %(tenant_id)s and session_id = %(session_id)s and finished_at is null
    and run_id <> %(run_id)s and (run_id < %(run_id)s or status <> 'queued')
limit 1;

-- name: open
with opened as (
    insert into app.runs (
        tenant_id, run_id, agent, version, key_id, trace_id, mode, session_id, metadata, variant,
        overrides, parent, forked_from, attachments, input, history, status, finish_reason, output,
        structured,
        fault, input_tokens, output_tokens, cost_micro_usd, step_count, stages, spans, question,
        created_at, begun_at, finished_at, idempotency_key, request_hash, lease_owner, lease_until,
        tries
    )
    select
        tenant_id, id, agent, version, key_id, trace_id, mode, session_id, metadata, variant,
        overrides, parent, forked_from, attachments, input, history, status, finish_reason, output,
        structured,
        fault,
        (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint, cost_micro_usd,
        step_count, stages, spans, question, created_at, begun_at, finished_at,
        %(key)s, %(request_hash)s,
        %(owner)s, clock_timestamp() + make_interval(secs => %(seconds)s),
        (%(owner)s::uuid is not null)::integer
    from jsonb_to_record(%(run)s::jsonb) as given (
        tenant_id uuid, id uuid, agent text, version integer, key_id uuid, trace_id text, mode text,
        session_id uuid, metadata jsonb, variant text, overrides jsonb, parent jsonb,
        forked_from jsonb, attachments jsonb, input text, history jsonb, status text,
        finish_reason text, output text,
        structured boolean, fault jsonb, usage jsonb, cost_micro_usd bigint, step_count integer,
        stages jsonb, spans jsonb, question text, created_at timestamptz, begun_at timestamptz,
        finished_at timestamptz
    )
    on conflict (tenant_id, idempotency_key) do nothing
    returning tenant_id, run_id
),
written as (
    insert into app.run_steps (
        tenant_id, run_id, seq, kind, status, work, idempotency_key, input_tokens, output_tokens,
        cost_micro_usd, started_at, finished_at
    )
    select
        opened.tenant_id, opened.run_id, seq, work ->> 'kind', status, work, idempotency_key,
        (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint, cost_micro_usd,
        started_at, finished_at
    from opened, jsonb_to_recordset(%(steps)s::jsonb) as given (
        seq integer, status text, work jsonb, idempotency_key text, usage jsonb,
        cost_micro_usd bigint, started_at timestamptz, finished_at timestamptz
    )
)
select run_id from opened;

-- name: append
with held as (
    update app.runs
    set status = given.status,
        finish_reason = given.finish_reason,
        output = given.output,
        structured = given.structured,
        fault = given.fault,
        input_tokens = (given.usage ->> 'input_tokens')::bigint,
        output_tokens = (given.usage ->> 'output_tokens')::bigint,
        cost_micro_usd = given.cost_micro_usd,
        step_count = given.step_count,
        stages = given.stages,
        spans = given.spans,
        question = given.question,
        history = coalesce(given.history, runs.history),
        begun_at = given.begun_at,
        finished_at = given.finished_at,
        wake_at = %(wake_at)s,
        tries = (%(seconds)s > 0)::integer,
        lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    from jsonb_to_record(%(run)s::jsonb) as given (
        status text, finish_reason text, output text, structured boolean, fault jsonb, usage jsonb,
        cost_micro_usd bigint, step_count integer, stages jsonb, spans jsonb, question text,
        history jsonb, begun_at timestamptz, finished_at timestamptz
    )
    where runs.tenant_id = %(tenant_id)s and runs.run_id = %(run_id)s
        and runs.lease_owner = %(owner)s and runs.finished_at is null
    returning runs.tenant_id, runs.run_id, runs.cancel_requested_at
),
written as (
    insert into app.run_steps (
        tenant_id, run_id, seq, kind, status, work, idempotency_key, input_tokens, output_tokens,
        cost_micro_usd, started_at, finished_at
    )
    select
        held.tenant_id, held.run_id, seq, work ->> 'kind', status, work, idempotency_key,
        (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint, cost_micro_usd,
        started_at, finished_at
    from held, jsonb_to_recordset(%(steps)s::jsonb) as given (
        seq integer, status text, work jsonb, idempotency_key text, usage jsonb,
        cost_micro_usd bigint, started_at timestamptz, finished_at timestamptz
    )
    on conflict (tenant_id, run_id, seq) do update
    set status = excluded.status,
        work = excluded.work,
        input_tokens = excluded.input_tokens,
        output_tokens = excluded.output_tokens,
        cost_micro_usd = excluded.cost_micro_usd,
        started_at = excluded.started_at,
        finished_at = excluded.finished_at
    where run_steps.status = 'started'
    returning seq
)
select cancel_requested_at is not null as cancel_requested,
    (select count(*) from written) as written
from held;

-- name: note
with held as (
    update app.runs
    set lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    where tenant_id = %(tenant_id)s and run_id = %(run_id)s
        and lease_owner = %(owner)s and finished_at is null
    returning tenant_id, run_id, cancel_requested_at
),
noted as (
    update app.run_steps
    set work = work || %(work)s::jsonb
    from held
    where run_steps.tenant_id = held.tenant_id and run_steps.run_id = held.run_id
        and run_steps.seq = %(seq)s and run_steps.status = 'started'
)
select cancel_requested_at is not null as cancel_requested from held;

-- name: renew
update app.runs
set lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
    and lease_owner = %(owner)s and finished_at is null
returning cancel_requested_at is not null as cancel_requested;

-- name: release
update app.runs
set lease_until = clock_timestamp(),
    tries = greatest(0, tries - %(forgiven)s)
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
    and lease_owner = %(owner)s and finished_at is null;

-- name: lock_run
select session_id, finished_at is not null as over,
    status = 'queued' and session_id is not null and cancel_requested_at is null as takes_turns,
    case when lease_owner is distinct from %(owner)s
        then greatest(0, coalesce(extract(epoch from lease_until - clock_timestamp()), 0))
        else 0
    end::float8 as lease_s
from app.runs
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
for no key update;

-- name: take_lease
update app.runs
set tries = tries + (lease_owner is distinct from %(owner)s)::integer,
    lease_owner = %(owner)s,
    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
returning tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata,
    variant, overrides, parent, forked_from, attachments, input, history, status, finish_reason,
    output,
    structured, fault,
    input_tokens, output_tokens, cost_micro_usd, step_count, stages, spans, question, created_at,
    begun_at, finished_at, erased_at, cancel_requested_at is not null as cancel_requested, tries;

-- name: cancel_requested
select cancel_requested_at is not null as cancel_requested from app.runs
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: request_cancel
with recursive family as (
    select tenant_id, run_id from app.runs
    where tenant_id = %(tenant_id)s and run_id = %(run_id)s
    union
    select child.tenant_id, child.run_id
    from family
    join app.runs child on child.tenant_id = family.tenant_id
        and child.parent ->> 'run_id' = family.run_id::text
),
asked as (
    update app.runs
    set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
    from family
    where runs.tenant_id = family.tenant_id and runs.run_id = family.run_id
        and runs.finished_at is null
    returning runs.run_id
)
select run_id from asked order by run_id <> %(run_id)s, run_id;

-- name: children
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata,
    variant, overrides, parent, forked_from, attachments, input, status, finish_reason, output,
    structured,
    fault,
    input_tokens, output_tokens, cost_micro_usd, step_count, stages, question, created_at, begun_at,
    finished_at, erased_at
from app.runs
where tenant_id = %(tenant_id)s and parent ->> 'run_id' = %(run_id)s::text
order by run_id;

-- name: count_start
-- Until its journal moves, the next start is ever longer in coming, so that a backlog does not grow.
update app.runs
set starts = starts + 1,
    wake_at = clock_timestamp() + make_interval(secs => least(900, 30 * 2 ^ least(starts, 5)))
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
returning starts;

-- name: set_task_token
update app.runs set task_token = %(token)s
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and status = 'waiting';

-- name: take_task_token
update app.runs set task_token = null
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and task_token is not null
returning old.task_token;

-- name: adrift
select tenant_id, run_id, status, starts
from app.runs
where finished_at is null
    and coalesce(cancel_requested_at, greatest(wake_at, lease_until), created_at) <= %(before)s
    and not (
        status = 'queued' and session_id is not null and cancel_requested_at is null and exists (
            select from app.runs other
            where other.tenant_id = runs.tenant_id and other.session_id = runs.session_id
                and other.finished_at is null and other.run_id <> runs.run_id
                and (other.run_id < runs.run_id or other.status <> 'queued')
        )
    )
order by coalesce(cancel_requested_at, greatest(wake_at, lease_until), created_at)
limit %(limit)s;

-- name: run
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata,
    variant, overrides, parent, forked_from, attachments, input, history, status, finish_reason,
    output,
    structured, fault,
    input_tokens, output_tokens, cost_micro_usd, step_count, stages, spans, question, created_at,
    begun_at, finished_at, erased_at
from app.runs
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: steps
select seq, status, work, idempotency_key, input_tokens, output_tokens, cost_micro_usd,
    started_at, finished_at
from app.run_steps
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
order by seq;

-- name: page
select tenant_id, run_id as id, agent, version, key_id, trace_id, mode, session_id, metadata,
    variant, overrides, parent, forked_from, attachments, input, status, finish_reason, output,
    structured,
    fault,
    input_tokens, output_tokens, cost_micro_usd, step_count, stages, question, created_at, begun_at,
    finished_at, erased_at
from app.runs
where tenant_id = %(tenant_id)s
    and (%(before)s::uuid is null or run_id < %(before)s)
    and (%(agent)s::text is null or agent = %(agent)s)
    and (%(status)s::text is null or status = %(status)s)
order by run_id desc
limit %(limit)s;
