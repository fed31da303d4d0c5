-- name: record_outcome
insert into app.outcomes (
    tenant_id, run_id, agent, version, status, finish_reason, error_code, input_tokens,
    output_tokens, cost_micro_usd, step_count, latency_ms, finished_at, key_id, variant, mode,
    forked, nested, stages, guards_allowed, guards_redacted, guards_blocked, tools_ok,
    tools_failed, handoffs, created_at
)
values (
    %(tenant_id)s, %(run_id)s, %(agent)s, %(version)s, %(status)s, %(finish_reason)s,
    %(error_code)s, %(input_tokens)s, %(output_tokens)s, %(cost_micro_usd)s, %(step_count)s,
    %(total_ms)s, %(finished_at)s, %(key_id)s, %(variant)s, %(mode)s, %(forked)s,
    %(nested)s, %(stages)s::jsonb, %(guards_allowed)s, %(guards_redacted)s, %(guards_blocked)s,
    %(tools_ok)s, %(tools_failed)s, %(handoffs)s, %(created_at)s
)
on conflict (tenant_id, run_id) do nothing;

-- name: outcome
select tenant_id, run_id, agent, version, status, finish_reason, error_code, input_tokens,
    output_tokens, cost_micro_usd, step_count, latency_ms as total_ms, finished_at, key_id,
    variant, mode, forked, nested, stages, guards_allowed, guards_redacted, guards_blocked,
    tools_ok, tools_failed, handoffs, created_at
from app.outcomes
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: review
with counted as (
    insert into app.outcome_reviews (
        tenant_id, run_id, revision, success, score, label, business_value_micro_usd, reviewer,
        comment, reviewed_at
    )
    values (
        %(tenant_id)s, %(run_id)s, 1, %(success)s, %(score)s, %(label)s,
        %(business_value_micro_usd)s, %(reviewer)s, %(comment)s, %(reviewed_at)s
    )
    on conflict (tenant_id, run_id) do update
    set revision = outcome_reviews.revision + 1,
        success = excluded.success,
        score = excluded.score,
        label = excluded.label,
        business_value_micro_usd = excluded.business_value_micro_usd,
        reviewer = excluded.reviewer,
        comment = excluded.comment,
        reviewed_at = excluded.reviewed_at
    where row(
            outcome_reviews.success, outcome_reviews.score, outcome_reviews.label,
            outcome_reviews.business_value_micro_usd, outcome_reviews.reviewer,
            outcome_reviews.comment
        ) is distinct from row(
            excluded.success, excluded.score, excluded.label, excluded.business_value_micro_usd,
            excluded.reviewer, excluded.comment
        )
    returning *
)
insert into app.outcome_review_history (
    tenant_id, run_id, revision, success, score, label, business_value_micro_usd, reviewer,
    comment, reviewed_at
)
select tenant_id, run_id, revision, success, score, label, business_value_micro_usd, reviewer,
    comment, reviewed_at
from counted
returning revision;

-- name: reviews
select revision, success, score, label, business_value_micro_usd, reviewer, comment, reviewed_at
from app.outcome_review_history
where tenant_id = %(tenant_id)s and run_id = %(run_id)s
order by revision desc
limit 100;

-- name: erase_comments
with counted as (
    update app.outcome_reviews
    set comment = ''
    where tenant_id = %(tenant_id)s and run_id = %(run_id)s
)
update app.outcome_review_history
set comment = ''
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: page
select tenant_id, run_id, o.agent, o.version, o.status, o.finish_reason, o.error_code,
    o.input_tokens, o.output_tokens, o.cost_micro_usd, o.step_count, o.latency_ms as total_ms,
    o.finished_at, o.key_id, o.variant, o.mode, o.forked, o.nested, o.stages,
    o.guards_allowed, o.guards_redacted, o.guards_blocked, o.tools_ok, o.tools_failed, o.handoffs,
    o.created_at,
    r.revision, r.success, r.score, r.label, r.business_value_micro_usd, r.reviewer, r.comment,
    r.reviewed_at
from app.outcomes o
left join app.outcome_reviews r using (tenant_id, run_id)
where tenant_id = %(tenant_id)s
    and o.finished_at >= %(since)s and o.finished_at < %(until)s
    and (%(agent)s::text is null or o.agent = %(agent)s)
    and (%(version)s::integer is null or o.version = %(version)s)
    and (%(label)s::text is null or r.label = %(label)s)
    and (
        %(before_id)s::uuid is null
        or (o.finished_at, run_id) < (%(before_at)s::timestamptz, %(before_id)s)
    )
order by o.finished_at desc, run_id desc
limit %(limit)s;
