-- What only the administrator may make: roles, schemas, the extension. Every statement may run again.
-- Works for a superuser and for Aurora's master user (rds_superuser: no superuser, may create roles).

do $$
begin
    create role orchstack_owner nologin;
exception when duplicate_object or unique_violation then
    null;
end
$$;

do $$
begin
    create role orchstack_app login;
exception when duplicate_object or unique_violation then
    null;
end
$$;

do $$
begin
    create role orchstack_platform login;
exception when duplicate_object or unique_violation then
    null;
end
$$;

-- A role that could bypass row-level security would make every policy void.
do $$
declare
    strong text;
begin
    select string_agg(rolname, ', ') into strong from pg_roles
    where rolname in ('orchstack_owner', 'orchstack_app', 'orchstack_platform')
        and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication);
    if strong is not null then
        raise exception 'these roles have powers that OrchStack must not have: %', strong;
    end if;
end
$$;

-- IAM authentication exists on RDS only.
do $$
begin
    if exists (select from pg_roles where rolname = 'rds_iam') then
        grant rds_iam to orchstack_app, orchstack_platform;
    end if;
end
$$;

grant orchstack_owner to current_user with inherit true, set true;

-- A function that dies holds nothing for long; a frozen one lets Aurora pause.
alter role orchstack_app set idle_session_timeout = '5min';
alter role orchstack_app set idle_in_transaction_session_timeout = '60s';
alter role orchstack_app set statement_timeout = '30s';
alter role orchstack_app set lock_timeout = '5s';
alter role orchstack_platform set idle_session_timeout = '5min';
alter role orchstack_platform set idle_in_transaction_session_timeout = '60s';
alter role orchstack_platform set statement_timeout = '30s';
alter role orchstack_platform set lock_timeout = '5s';

do $$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format(
        'grant connect on database %I to orchstack_app, orchstack_platform', current_database()
    );
end
$$;

create extension if not exists vector;

create schema if not exists app authorization orchstack_owner;

grant usage on schema app to orchstack_app, orchstack_platform;

-- Functions are executable by everyone unless told otherwise.
alter default privileges for role orchstack_owner revoke execute on functions from public;

create schema if not exists migration authorization orchstack_owner;

set role orchstack_owner;

create table if not exists migration.applied (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
);

reset role;
