-- name: create
insert into app.sessions (tenant_id, session_id, agent, title, metadata, created_at, updated_at)
values (
    app.current_tenant(), %(session_id)s, %(agent)s, %(title)s, %(metadata)s::jsonb, %(at)s, %(at)s
)
on conflict do nothing;

-- name: find
select session_id, agent, title, metadata, message_count, token_count, created_at, updated_at,
    deleted_at
from app.sessions
where session_id = %(session_id)s;

-- name: lock
select session_id, agent, title, metadata, message_count, token_count, created_at, updated_at,
    deleted_at
from app.sessions
where session_id = %(session_id)s
for update;

-- name: page
select session_id, agent, title, metadata, message_count, token_count, created_at, updated_at,
    deleted_at
from app.sessions
where deleted_at is null
    and (
        %(after_at)s::timestamptz is null
        or (updated_at, session_id) < (%(after_at)s::timestamptz, %(after_id)s::uuid)
    )
    and (%(agent)s::text is null or agent = %(agent)s)
order by updated_at desc, session_id desc
limit %(limit)s;

-- name: rename
update app.sessions set title = %(title)s where session_id = %(session_id)s;

-- name: erase_messages
delete from app.session_messages where session_id = %(session_id)s;

-- name: erase_session
update app.sessions
set title = '', metadata = '{}', message_count = 0, token_count = 0, deleted_at = %(at)s
where session_id = %(session_id)s;

-- name: newest
-- The lock lasts until the commit: whoever deletes the session waits for it. Runs that begin side by
-- side, and those that end, do not.
select
    message_count, version, deleted_at is not null as deleted,
    case when version is distinct from %(known)s::uuid and deleted_at is null then (
        select coalesce(json_agg(json_build_object(
            'role', role, 'content', content, 'images', images, 'tool_calls', tool_calls,
            'tool_call_id', tool_call_id, 'seq', seq
        ) order by seq), '[]')::text
        from (
            select seq, role, content, images, tool_calls, tool_call_id
            from app.session_messages
            where session_messages.session_id = sessions.session_id
            order by seq desc
            limit %(limit)s
        ) as said
    ) end as messages
from app.sessions
where session_id = %(session_id)s
for key share;

-- name: append
-- The row stays locked until the commit: two runs of a session add their messages one after the other.
with spoken as (
    update app.sessions
    set message_count = message_count + %(count)s,
        token_count = token_count + %(tokens)s,
        title = case when title = '' then %(title)s else title end,
        updated_at = now()
    where session_id = %(session_id)s and deleted_at is null
    returning tenant_id, message_count, new.version, old.version as before
), added as (
    insert into app.session_messages (
        tenant_id, session_id, seq, run_id, role, content, images, tool_calls, tool_call_id,
        token_count
    )
    select
        spoken.tenant_id, %(session_id)s, spoken.message_count - %(count)s + position, %(run_id)s,
        message ->> 'role', message ->> 'content', message -> 'images', message -> 'tool_calls',
        message ->> 'tool_call_id', (message ->> 'token_count')::integer
    from spoken,
        jsonb_array_elements(%(messages)s::jsonb) with ordinality as said (message, position)
)
select message_count, version, before from spoken;

-- name: messages
-- A message that would pass the size comes without its text: the page ends before it.
select
    seq, run_id, role, images, tool_calls, tool_call_id, token_count, created_at,
    case when bytes_before = 0 or bytes_before + bytes <= %(max_bytes)s then content end as content
from (
    select *,
        coalesce(sum(bytes) over (
            order by case when %(descending)s then -seq else seq end
            rows between unbounded preceding and 1 preceding
        ), 0) as bytes_before
    from (
        select *, octet_length(content) + octet_length(tool_calls::text) as bytes
        from app.session_messages
        where session_id = %(session_id)s
            and (%(up_to)s::bigint is null or seq <= %(up_to)s)
            and (
                %(after)s::bigint is null
                or (%(descending)s and seq < %(after)s)
                or (not %(descending)s and seq > %(after)s)
            )
        -- Two keys of which one is null: either way the primary key gives the order.
        order by case when %(descending)s then seq end desc, case when not %(descending)s then seq end
        limit %(limit)s
    ) as found
) as sized
order by case when %(descending)s then -seq else seq end;

-- name: under_way
-- A table of the agent runtime's: whoever deletes a session must see its runs in the same snapshot.
select run_id
from app.runs
where session_id = %(session_id)s and finished_at is null
order by run_id;
