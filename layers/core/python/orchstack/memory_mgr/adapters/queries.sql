-- name: newest
select role, content, tool_calls, tool_call_id
from app.session_messages
where session_id = %(session_id)s
order by seq desc
limit %(limit)s;

-- name: reserve
-- The row stays locked until the commit: two runs of a session add their messages one after the other.
update app.sessions
set message_count = message_count + %(count)s, updated_at = now()
where session_id = %(session_id)s
returning message_count;

-- name: append
insert into app.session_messages
    (tenant_id, session_id, seq, run_id, role, content, tool_calls, tool_call_id)
select
    app.current_tenant(), %(session_id)s, %(first)s + position - 1, %(run_id)s,
    message ->> 'role', message ->> 'content', message -> 'tool_calls', message ->> 'tool_call_id'
from jsonb_array_elements(%(messages)s::jsonb) with ordinality as said (message, position);
