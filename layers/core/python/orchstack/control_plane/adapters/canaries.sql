-- name: lock_canary
select agent, alias, generation, stable_version, version, weight, rollback, trial, started_at,
    started_by
from app.canaries
where tenant_id = %(tenant_id)s and agent = %(agent)s and alias = %(alias)s and ended_at is null
for update;

-- name: last_canary
select agent, alias, generation, stable_version, version, weight, rollback, trial, started_at,
    started_by, ended_at, ended_by, "end"
from app.canaries
where tenant_id = %(tenant_id)s and agent = %(agent)s and alias = %(alias)s
order by generation desc
limit 1;

-- name: insert_canary
insert into app.canaries
    (tenant_id, agent, alias, generation, stable_version, version, weight, rollback, trial,
     started_at, started_by)
values
    (%(tenant_id)s, %(agent)s, %(alias)s, %(generation)s, %(stable_version)s, %(version)s,
     %(weight)s, %(rollback)s::jsonb, %(trial)s::jsonb, %(started_at)s, %(started_by)s);

-- name: keep_canary
update app.canaries
set weight = %(weight)s, rollback = %(rollback)s::jsonb, trial = %(trial)s::jsonb,
    ended_at = %(ended_at)s, ended_by = %(ended_by)s, "end" = %(end)s
where tenant_id = %(tenant_id)s and agent = %(agent)s and alias = %(alias)s
    and generation = %(generation)s and ended_at is null;

-- name: take_run
insert into app.canary_runs (tenant_id, agent, alias, generation, run_id)
values (%(tenant_id)s, %(agent)s, %(alias)s, %(generation)s, %(run_id)s)
on conflict do nothing;

-- name: forget_runs
delete from app.canary_runs
where tenant_id = %(tenant_id)s and agent = %(agent)s and alias = %(alias)s
    and generation = %(generation)s;
