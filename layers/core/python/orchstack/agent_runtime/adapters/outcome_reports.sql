-- name: usage
select
    case %(grouping)s when 'day' then (finished_at at time zone 'UTC')::date end as day,
    case when %(grouping)s in ('agent', 'version') then agent end as agent,
    case %(grouping)s when 'version' then version end as version,
    case %(grouping)s when 'key' then key_id end as key_id,
    count(*) as runs,
    count(*) filter (where status = 'failed') as failures,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(cost_micro_usd)::bigint as cost_micro_usd
from app.outcomes
where tenant_id = %(tenant_id)s and finished_at >= %(since)s and finished_at < %(until)s
    and not nested
group by 1, 2, 3, 4
order by 1, sum(cost_micro_usd) desc, count(*) desc, 2, 3, 4
limit %(limit)s;

-- name: figures
with ended as (
    select o.*, r.revision, r.score, r.business_value_micro_usd as value,
        coalesce(r.success, o.status = 'completed' and o.finish_reason = 'answered') as succeeded
    from app.outcomes o
    left join app.outcome_reviews r using (tenant_id, run_id)
    where tenant_id = %(tenant_id)s and o.agent = %(agent)s and not o.forked
        and (%(versions)s::integer[] is null or o.version = any(%(versions)s))
        and o.finished_at >= %(since)s and o.finished_at < %(until)s
),
reasons as (
    select version, jsonb_object_agg(finish_reason, number) as finish_reasons
    from (
        select version, finish_reason, count(*) as number from ended
        group by version, finish_reason
    ) counted
    group by version
)
select version,
    count(*) as runs,
    count(*) filter (where succeeded) as successes,
    count(revision) as reviewed,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(cost_micro_usd)::bigint as total_cost,
    coalesce(sum(value), 0)::bigint as total_value,
    percentile_cont(array[0.5, 0.95, 0.99]) within group (order by latency_ms) as latency,
    percentile_cont(array[0.5, 0.95, 0.99]) within group (order by cost_micro_usd) as cost,
    avg(latency_ms) as latency_mean,
    coalesce(var_samp(latency_ms), 0) as latency_variance,
    avg(cost_micro_usd)::float8 as cost_mean,
    coalesce(var_samp(cost_micro_usd::float8), 0) as cost_variance,
    count(score) as score_count,
    avg(score) as score_mean,
    coalesce(var_samp(score), 0) as score_variance,
    count(value) as value_count,
    avg(value)::float8 as value_mean,
    coalesce(var_samp(value::float8), 0) as value_variance,
    finish_reasons
from ended
join reasons using (version)
group by version, finish_reasons
order by version desc
limit 100;
