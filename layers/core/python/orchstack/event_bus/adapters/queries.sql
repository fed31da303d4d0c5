-- name: ensure_positions
-- A tenant's first event finds no row to lock yet.
with recursive waiting as (
    (
        select tenant_id from app.outbox
        where published_at is null and refusal is null
        order by tenant_id limit 1
    )
    union all
    select (
        select o.tenant_id from app.outbox o
        where o.published_at is null and o.refusal is null and o.tenant_id > w.tenant_id
        order by o.tenant_id limit 1
    )
    from waiting w where w.tenant_id is not null
)
insert into app.relay_positions (tenant_id)
select w.tenant_id from waiting w
where w.tenant_id is not null
    and not exists (select from app.relay_positions p where p.tenant_id = w.tenant_id)
on conflict do nothing

-- name: claim_tenants
-- Hops from tenant to tenant over the index, so that a long queue of one tenant is not read.
with recursive waiting as (
    (
        select tenant_id, seq from app.outbox
        where published_at is null and refusal is null
        order by tenant_id, seq limit 1
    )
    union all
    select n.tenant_id, n.seq
    from waiting w cross join lateral (
        select o.tenant_id, o.seq from app.outbox o
        where o.published_at is null and o.refusal is null and o.tenant_id > w.tenant_id
        order by o.tenant_id, o.seq limit 1
    ) n
)
select p.tenant_id
from app.relay_positions p join waiting w on w.tenant_id = p.tenant_id
where p.tenant_id <> all(%(passing)s::uuid[])
order by w.seq
limit %(limit)s
for update of p skip locked

-- name: claim_entries
-- Each tenant in turn, so that a long queue of one does not hold up the others.
select e.tenant_id, e.event_id, e.event ->> 'source' as source, e.event ->> 'type' as type,
    e.event::text as detail
from unnest(%(tenants)s::uuid[]) as t (tenant_id)
cross join lateral (
    select o.tenant_id, o.event_id, o.event, o.seq, row_number() over (order by o.seq) as turn
    from app.outbox o
    where o.tenant_id = t.tenant_id and o.published_at is null and o.refusal is null
    order by o.seq limit %(limit)s
) e
order by e.turn, e.seq
limit %(limit)s

-- name: mark_published
with published as (
    select tenant_id, event_id, row_number() over (partition by tenant_id order by place) as nth
    from unnest(%(tenants)s::uuid[], %(events)s::uuid[])
        with ordinality as u (tenant_id, event_id, place)
),
marked as (
    update app.outbox o
    set published_at = now(), publication = p.last_publication + e.nth
    from published e join app.relay_positions p on p.tenant_id = e.tenant_id
    where o.tenant_id = e.tenant_id and o.event_id = e.event_id
    returning o.tenant_id, o.publication
)
update app.relay_positions p
set last_publication = m.last
from (select tenant_id, max(publication) as last from marked group by tenant_id) m
where p.tenant_id = m.tenant_id

-- name: park
update app.outbox set refusal = %(refusal)s
where tenant_id = %(tenant)s and event_id = %(event)s

-- name: list_events_asc
select publication as position, event from app.outbox
where publication > coalesce(%(after)s::bigint, 0)
    and (%(kind)s::text is null or event ->> 'type' = %(kind)s)
    and (%(subject)s::text is null or event ->> 'subject' = %(subject)s)
order by tenant_id, publication limit %(limit)s

-- name: list_events_desc
select publication as position, event from app.outbox
where publication < coalesce(%(after)s::bigint, 9223372036854775807)
    and (%(kind)s::text is null or event ->> 'type' = %(kind)s)
    and (%(subject)s::text is null or event ->> 'subject' = %(subject)s)
order by tenant_id desc, publication desc limit %(limit)s

-- name: list_audit_asc
select seq as position, id, tenant_id, at, actor, action, subject, outcome, facts
from app.audit_entries
where seq > coalesce(%(after)s::bigint, 0)
    and (%(kind)s::text is null or action = %(kind)s)
    and (%(subject)s::text is null or subject = %(subject)s)
order by tenant_id, seq limit %(limit)s

-- name: list_audit_desc
select seq as position, id, tenant_id, at, actor, action, subject, outcome, facts
from app.audit_entries
where seq < coalesce(%(after)s::bigint, 9223372036854775807)
    and (%(kind)s::text is null or action = %(kind)s)
    and (%(subject)s::text is null or subject = %(subject)s)
order by tenant_id desc, seq desc limit %(limit)s

-- name: add_socket
insert into app.sockets (tenant_id, connection_id, key_id, types, connected_at, expires_at)
values (%(tenant_id)s, %(connection_id)s, %(key_id)s, %(types)s, %(connected_at)s, %(expires_at)s)
on conflict do nothing

-- name: list_sockets
select tenant_id, connection_id, key_id, types, connected_at, expires_at
from app.sockets order by tenant_id, connection_id

-- name: drop_socket
delete from app.sockets where connection_id = %(connection_id)s

-- name: subscribe_socket
update app.sockets set types = %(types)s where connection_id = %(connection_id)s
