-- Sessions as objects of their own: named, counted, and erased without a way back.

alter table app.sessions
    add column title text not null default '' check (char_length(title) <= 200),
    add column metadata jsonb not null default '{}',
    -- The tokens of all messages, as each was counted when it was said.
    add column token_count bigint not null default 0,
    -- Names what the messages are, so that a copy of them kept elsewhere can be judged. The count
    -- alone would not do: after an addition that was undone it comes again with other messages.
    add column version uuid not null default gen_random_uuid(),
    -- The row of a deleted session stays, so that its id begins no other.
    add column deleted_at timestamptz;
comment on column app.sessions.updated_at is 'When something was last said; a rename is no activity.';

create function app.name_version() returns trigger
language plpgsql
as $$
begin
    new.version := gen_random_uuid();
    return new;
end
$$;
revoke execute on function app.name_version() from public;

create trigger version_of_messages before update on app.sessions
for each row when (old.message_count is distinct from new.message_count)
execute function app.name_version();

create index sessions_by_activity on app.sessions (tenant_id, updated_at desc, session_id desc)
    where deleted_at is null;
create index sessions_by_agent on app.sessions (tenant_id, agent, updated_at desc, session_id desc)
    where deleted_at is null;

alter table app.session_messages
    add column images jsonb not null default '[]',
    add column token_count integer not null default 0;
grant delete on app.session_messages to orchstack_app;

-- What was said before is counted by the rule of thumb. The owner sees no row of a table whose
-- security is forced.
alter table app.sessions no force row level security;
alter table app.session_messages no force row level security;
update app.session_messages set token_count = ceil(char_length(content) / 4.0);
update app.sessions
set token_count = counted.tokens
from (
    select tenant_id, session_id, sum(token_count) as tokens
    from app.session_messages
    group by tenant_id, session_id
) as counted
where sessions.tenant_id = counted.tenant_id and sessions.session_id = counted.session_id;
alter table app.sessions force row level security;
alter table app.session_messages force row level security;
