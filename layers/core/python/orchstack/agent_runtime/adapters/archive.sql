-- name: pulse
-- `xmin` names the transaction that wrote a row last: it changes with each write and costs nothing.
select status, erased_at is not null as erased,
    finished_at is null and (status <> 'queued' or session_id is null)
        and coalesce(cancel_requested_at, greatest(wake_at, lease_until), created_at)
            <= clock_timestamp() - interval '30 seconds' as adrift,
    (
    select coalesce(string_agg(step.seq || ':' || step.xmin::text, ' ' order by step.seq), '')
    from app.run_steps step
    where step.tenant_id = runs.tenant_id and step.run_id = runs.run_id and step.seq >= %(since)s
) as version
from app.runs
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: steps
select seq, status, work, idempotency_key, input_tokens, output_tokens, cost_micro_usd,
    started_at, finished_at
from app.run_steps
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and seq >= %(since)s
order by seq
limit %(limit)s;

-- name: family
with recursive family as (
    select tenant_id, run_id from app.runs
    where tenant_id = %(tenant_id)s and run_id = %(run_id)s
    union
    select child.tenant_id, child.run_id
    from family
    join app.runs child on child.tenant_id = family.tenant_id
        and child.parent ->> 'run_id' = family.run_id::text
)
select run_id from family order by run_id <> %(run_id)s, run_id;

-- name: of_session
select run_id from app.runs
where tenant_id = %(tenant_id)s and session_id = %(session_id)s
order by run_id;

-- name: attached_elsewhere
select run_id from app.runs
where tenant_id = %(tenant_id)s and run_id <> %(run_id)s and erased_at is null
    and attachments @> jsonb_build_array(jsonb_build_object('sha256', %(sha256)s::text))
limit 1;

-- name: rewrite
with rewritten as (
    update app.runs
    set input = given.input,
        history = given.history,
        attachments = given.attachments,
        output = given.output,
        question = given.question,
        overrides = given.overrides,
        fault = given.fault,
        erased_at = given.erased_at
    from jsonb_to_record(%(run)s::jsonb) as given (
        input text, history jsonb, attachments jsonb, output text, question text, overrides jsonb,
        fault jsonb, erased_at timestamptz
    )
    where runs.tenant_id = %(tenant_id)s and runs.run_id = %(run_id)s
        and runs.finished_at is not null and runs.erased_at is null
    returning runs.tenant_id, runs.run_id
),
steps as (
    update app.run_steps
    set work = given.work
    from rewritten, jsonb_to_recordset(%(steps)s::jsonb) as given (seq integer, work jsonb)
    where run_steps.tenant_id = rewritten.tenant_id and run_steps.run_id = rewritten.run_id
        and run_steps.seq = given.seq
)
select run_id from rewritten;
