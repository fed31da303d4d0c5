-- What models were shown, part by part, and by what the counting of their tokens was wrong.

create table app.context_parts (
    tenant_id uuid not null,
    run_id uuid not null,
    -- SHA-256 of the part's text, in hexadecimal.
    hash text not null,
    -- JSON as it was hashed, to the byte: another type would write it anew.
    part text not null,
    primary key (tenant_id, run_id, hash),
    foreign key (tenant_id, run_id) references app.runs (tenant_id, run_id)
);

create table app.token_factors (
    tenant_id uuid not null,
    model text not null,
    factor float8 not null check (factor > 0),
    -- Calls it was learned from.
    samples integer not null,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, model)
);

select app.isolate('context_parts', 'select, insert, delete');
select app.isolate('token_factors', 'select, insert, update, delete');
