-- name: insert_tenant
insert into app.tenants
    (id, name, status, requests_per_minute, requests_per_minute_per_key, created_at)
values
    (%(id)s, %(name)s, %(status)s, %(requests_per_minute)s, %(requests_per_minute_per_key)s,
     %(created_at)s);

-- name: page_of_tenants
select id, name, status, requests_per_minute, requests_per_minute_per_key, created_at
from app.tenants
where id <> %(platform)s and (%(before)s::uuid is null or id < %(before)s)
order by id desc
limit %(limit)s;

-- name: insert_key
insert into app.api_keys
    (tenant_id, id, name, environment, scopes, digest, created_at, expires_at)
values
    (%(tenant_id)s, %(id)s, %(name)s, %(environment)s, %(scopes)s, %(digest)s, %(created_at)s,
     %(expires_at)s);

-- name: lock_key
select id, name, environment, scopes, created_at, expires_at, revoked_at
from app.api_keys
where tenant_id = %(tenant_id)s and id = %(id)s
for update;

-- name: revoke_key
update app.api_keys set revoked_at = %(at)s
where tenant_id = %(tenant_id)s and id = %(id)s and revoked_at is null;

-- name: page_of_keys
select id, name, environment, scopes, created_at, expires_at, revoked_at
from app.api_keys
where tenant_id = %(tenant_id)s and (%(before)s::uuid is null or id < %(before)s)
order by id desc
limit %(limit)s;

-- name: find_credential
select k.id, k.environment, k.scopes, k.expires_at, k.revoked_at is not null as revoked, t.status,
    t.requests_per_minute, t.requests_per_minute_per_key
from app.api_keys k
join app.tenants t on t.id = k.tenant_id
where k.tenant_id = %(tenant_id)s and k.digest = %(digest)s;

-- name: valid_key
select true as valid
from app.api_keys k
join app.tenants t on t.id = k.tenant_id
where k.tenant_id = %(tenant_id)s and k.id = %(id)s and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > %(now)s) and t.status = 'active';

-- name: create_agent
insert into app.agents (tenant_id, name, created_at, updated_at)
values (%(tenant_id)s, %(agent)s, %(at)s, %(at)s)
on conflict (tenant_id, name) do update set updated_at = agents.updated_at;

-- name: lock_agent
select name from app.agents
where tenant_id = %(tenant_id)s and name = %(agent)s
for update;

-- name: touch_agent
update app.agents set updated_at = %(at)s
where tenant_id = %(tenant_id)s and name = %(agent)s;

-- name: insert_version
insert into app.agent_versions
    (tenant_id, agent, version, digest, document, published_at, published_by)
values
    (%(tenant_id)s, %(agent)s, %(version)s, decode(%(digest)s, 'hex'), %(document)s::jsonb,
     %(published_at)s, %(published_by)s);

-- name: version_with
select version from app.agent_versions
where tenant_id = %(tenant_id)s and agent = %(agent)s and digest = decode(%(digest)s, 'hex');

-- name: latest_version
select coalesce(max(version), 0) as version from app.agent_versions
where tenant_id = %(tenant_id)s and agent = %(agent)s;

-- name: point_alias
insert into app.agent_aliases (tenant_id, agent, alias, version)
values (%(tenant_id)s, %(agent)s, %(alias)s, %(version)s)
on conflict (tenant_id, agent, alias) do update set version = excluded.version;

-- name: alias_version
select version from app.agent_aliases
where tenant_id = %(tenant_id)s and agent = %(agent)s and alias = %(alias)s;

-- name: route
select v.agent as name, v.version, v.document, v.version <> l.version as is_canary, c.generation,
    c.weight
from app.agent_aliases l
left join app.canaries c
    on c.tenant_id = l.tenant_id and c.agent = l.agent and c.alias = l.alias
    and c.ended_at is null
join app.agent_versions v
    on v.tenant_id = l.tenant_id and v.agent = l.agent
    and v.version = any (array[l.version, coalesce(c.version, l.version)])
where l.tenant_id = %(tenant_id)s and l.agent = %(agent)s and l.alias = %(alias)s;

-- name: links
select l.agent, coalesce(v.document -> 'agents', '[]') as links
from app.agent_aliases l
join app.agent_versions v
    on v.tenant_id = l.tenant_id and v.agent = l.agent and v.version = l.version
where l.tenant_id = %(tenant_id)s and l.alias = 'live' and l.agent = any (%(agents)s);

-- name: get_version
select v.agent, v.version, encode(v.digest, 'hex') as digest, v.published_at, v.published_by,
    v.document,
    array(
        select a.alias from app.agent_aliases a
        where a.tenant_id = v.tenant_id and a.agent = v.agent and a.version = v.version
        order by a.alias
    ) as aliases
from app.agent_versions v
where v.tenant_id = %(tenant_id)s and v.agent = %(agent)s and v.version = coalesce(
    %(version)s::integer,
    (
        select l.version from app.agent_aliases l
        where l.tenant_id = %(tenant_id)s and l.agent = %(agent)s and l.alias = %(alias)s
    )
);

-- name: page_of_versions
select v.agent, v.version, encode(v.digest, 'hex') as digest, v.published_at, v.published_by,
    array(
        select a.alias from app.agent_aliases a
        where a.tenant_id = v.tenant_id and a.agent = v.agent and a.version = v.version
        order by a.alias
    ) as aliases
from app.agent_versions v
where v.tenant_id = %(tenant_id)s and v.agent = %(agent)s
    and (%(before)s::integer is null or v.version < %(before)s)
order by v.version desc
limit %(limit)s;

-- name: page_of_agents
select g.name, v.document ->> 'description' as description, l.version as live_version,
    (
        select max(n.version) from app.agent_versions n
        where n.tenant_id = g.tenant_id and n.agent = g.name
    ) as latest_version,
    g.created_at, g.updated_at
from app.agents g
join app.agent_aliases l on l.tenant_id = g.tenant_id and l.agent = g.name and l.alias = 'live'
join app.agent_versions v
    on v.tenant_id = g.tenant_id and v.agent = g.name and v.version = l.version
where g.tenant_id = %(tenant_id)s and (%(after)s::text is null or g.name > %(after)s)
order by g.name
limit %(limit)s;

-- name: ensure_platform_tenant
insert into app.tenants
    (id, name, requests_per_minute, requests_per_minute_per_key, created_at)
values
    (%(tenant_id)s, 'platform', 6000, 6000, %(created_at)s)
on conflict (id) do nothing;

-- name: retire_platform_keys
update app.api_keys set revoked_at = %(created_at)s
where tenant_id = %(tenant_id)s and bootstrap and digest <> %(digest)s and revoked_at is null;

-- name: ensure_platform_key
insert into app.api_keys
    (tenant_id, id, name, environment, scopes, digest, bootstrap, created_at, expires_at)
values
    (%(tenant_id)s, %(id)s, %(name)s, %(environment)s, %(scopes)s, %(digest)s, true,
     %(created_at)s, %(expires_at)s)
on conflict (tenant_id, digest) do nothing;
