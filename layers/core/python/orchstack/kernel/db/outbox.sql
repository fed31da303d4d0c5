-- name: insert_events
insert into app.outbox (tenant_id, event_id, event)
select (event ->> 'tenantid')::uuid, (event ->> 'id')::uuid, event
from jsonb_array_elements(%(events)s::jsonb) with ordinality as given (event, position)
order by position;

-- name: insert_audit_entries
insert into app.audit_entries (tenant_id, id, at, actor, action, subject, outcome, facts)
select tenant_id, id, at, actor, action, subject, outcome, facts
from rows from (
    jsonb_to_recordset(%(entries)s::jsonb) as (
        tenant_id uuid, id uuid, at timestamptz, actor text, action text, subject text,
        outcome text, facts jsonb
    )
) with ordinality as given (
    tenant_id, id, at, actor, action, subject, outcome, facts, position
)
order by position;
