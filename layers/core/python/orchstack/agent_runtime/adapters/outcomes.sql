-- name: take_message_in
insert into app.inbox (tenant_id, consumer, message_id)
values (%(tenant_id)s, 'agent_runtime.record_outcome', %(message_id)s)
on conflict do nothing;

-- name: record_outcome
insert into app.outcomes (
    tenant_id, run_id, agent, version, status, finish_reason, error_code, input_tokens,
    output_tokens, cost_micro_usd, step_count, latency_ms, finished_at
)
values (
    %(tenant_id)s, %(run_id)s, %(agent)s, %(version)s, %(status)s, %(finish_reason)s,
    %(error_code)s, %(input_tokens)s, %(output_tokens)s, %(cost_micro_usd)s, %(step_count)s,
    %(latency_ms)s, %(finished_at)s
)
on conflict (tenant_id, run_id) do nothing;
