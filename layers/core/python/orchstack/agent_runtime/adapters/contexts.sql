-- name: keep
insert into app.context_parts (tenant_id, run_id, hash, part)
select %(tenant_id)s, %(run_id)s, new.hash, new.part
from unnest(%(hashes)s::text[], %(parts)s::text[]) as new (hash, part)
on conflict do nothing;

-- name: parts
select hash, part
from app.context_parts
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and hash = any(%(hashes)s::text[]);

-- name: erase
delete from app.context_parts
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: factor
select factor
from app.token_factors
where tenant_id = %(tenant_id)s and model = %(model)s;

-- name: learn
-- Whoever finds the row locked leaves it to the other: one call more or less teaches little.
with known as (
    select factor, samples
    from app.token_factors
    where tenant_id = %(tenant_id)s and model = %(model)s
    for update skip locked
)
update app.token_factors
set factor = known.factor
        + greatest(%(weight)s, 1.0 / (known.samples + 1)) * (%(ratio)s - known.factor),
    samples = known.samples + 1,
    updated_at = now()
from known
where token_factors.tenant_id = %(tenant_id)s and token_factors.model = %(model)s
    and abs(%(ratio)s / known.factor - 1) > %(worth_it)s;

-- name: begin_learning
insert into app.token_factors (tenant_id, model, factor, samples)
values (%(tenant_id)s, %(model)s, %(ratio)s, 1)
on conflict do nothing;
