-- The rules of isolation, each as a query for what breaks it. No rule has an exception in here but
-- `app.tenants`, whose own `id` is the tenant.

-- name: table_without_forced_row_security
select format('app.%I', c.relname) as object
from pg_class c
where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p')
    and not (c.relrowsecurity and c.relforcerowsecurity);

-- name: table_without_tenant_id
select format('app.%I', c.relname) as object
from pg_class c
where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'tenants'
    and not exists (
        select from pg_attribute a
        where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull
            and a.atttypid = 'uuid'::regtype
    );

-- name: policy_that_does_not_isolate
select format('app.%I: policy %I', p.tablename, p.policyname) as object
from pg_policies p
where p.schemaname = 'app' and not coalesce(
    p.permissive = 'PERMISSIVE' and p.cmd = 'ALL' and (
        (
            p.roles = '{orchstack_app}'
            and p.qual = format(
                '(%s = ( SELECT app.current_tenant() AS current_tenant))',
                case p.tablename when 'tenants' then 'id' else 'tenant_id' end
            )
            and p.with_check = p.qual
        )
        or (p.roles = '{orchstack_platform}' and p.qual = 'true' and p.with_check = 'true')
    ),
    false
);

-- name: unique_key_not_led_by_tenant
select format('app.%I: %I', t.relname, c.relname) as object
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid
left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where t.relnamespace = 'app'::regnamespace and (i.indisunique or i.indisexclusion)
    and a.attname is distinct from case t.relname when 'tenants' then 'id' else 'tenant_id' end;

-- name: foreign_key_not_led_by_tenant
select format('app.%I: %I', t.relname, k.conname) as object
from pg_constraint k
join pg_class t on t.oid = k.conrelid
join pg_class f on f.oid = k.confrelid
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
where t.relnamespace = 'app'::regnamespace and k.contype = 'f'
    and (
        a.attname <> 'tenant_id'
        or b.attname <> case f.relname when 'tenants' then 'id' else 'tenant_id' end
    );

-- name: function_as_definer
select p.oid::regprocedure::text as object
from pg_proc p
where p.prosecdef and p.pronamespace <> all (
    array['pg_catalog', 'information_schema']::regnamespace[]
);

-- name: function_called_leakproof
select p.oid::regprocedure::text as object
from pg_proc p where p.proleakproof and p.pronamespace = 'app'::regnamespace;

-- name: view_without_invoker_rights
select c.oid::regclass::text as object
from pg_class c
where c.relnamespace = 'app'::regnamespace and c.relkind = 'v'
    and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false);

-- name: relation_kind_that_cannot_be_isolated
select c.oid::regclass::text as object
from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind in ('m', 'f');

-- name: rewrite_rule
select format('app.%I: %I', c.relname, r.rulename) as object
from pg_rewrite r join pg_class c on c.oid = r.ev_class
where c.relnamespace = 'app'::regnamespace and r.rulename <> '_RETURN';

-- name: privilege_on_relation
with privilege as (
    select c.oid, c.relowner, c.relkind, c.relispartition, c.relnamespace, a.*
    from pg_class c cross join lateral aclexplode(c.relacl) a
    union all
    select c.oid, c.relowner, c.relkind, c.relispartition, c.relnamespace, a.*
    from pg_attribute t
    join pg_class c on c.oid = t.attrelid
    cross join lateral aclexplode(t.attacl) a
)
select format(
    '%s: %s to %s', p.oid::regclass, lower(p.privilege_type),
    case p.grantee when 0 then 'public' else p.grantee::regrole::text end
) as object
from privilege p
where p.relnamespace <> all (array['pg_catalog', 'information_schema']::regnamespace[])
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    and p.grantee <> p.relowner
    and not (
        p.relnamespace = 'app'::regnamespace
        and p.grantee in ('orchstack_app'::regrole, 'orchstack_platform'::regrole)
        and p.relkind in ('r', 'p', 'v') and not p.relispartition and not p.is_grantable
        and p.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    );

-- name: privilege_on_function
select format('%s: %s', p.oid::regprocedure,
    case a.grantee when 0 then 'public' else a.grantee::regrole::text end) as object
from pg_proc p
cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
where p.pronamespace = 'app'::regnamespace and a.grantee <> p.proowner
    and (
        a.is_grantable
        or a.grantee not in ('orchstack_app'::regrole, 'orchstack_platform'::regrole)
    );

-- name: privilege_on_schema
select format('%I: %s to %s', n.nspname, lower(a.privilege_type),
    case a.grantee when 0 then 'public' else a.grantee::regrole::text end) as object
from pg_namespace n cross join lateral aclexplode(n.nspacl) a
where n.nspname in ('app', 'migration') and a.grantee <> n.nspowner
    and not (
        n.nspname = 'app' and a.privilege_type = 'USAGE' and not a.is_grantable
        and a.grantee in ('orchstack_app'::regrole, 'orchstack_platform'::regrole)
    );

-- name: schema_open_to_creation
select format('%I: %s', n.nspname, r.rolname) as object
from pg_namespace n
cross join pg_roles r
where r.rolname in ('orchstack_app', 'orchstack_platform')
    and n.nspname not like 'pg\_%' and has_schema_privilege(r.oid, n.oid, 'create');

-- name: default_privilege
select format('%s: %s', coalesce(d.defaclnamespace::regnamespace::text, 'all'), d.defaclobjtype)
    as object
from pg_default_acl d
cross join lateral aclexplode(d.defaclacl) a
where a.grantee <> d.defaclrole;

-- name: owned_by_another_role
select format('%s %s', kind, name) as object
from (
    select 'relation' as kind, c.oid::regclass::text as name, c.relowner as owner
    from pg_class c where c.relnamespace = 'app'::regnamespace
    union all
    select 'function', p.oid::regprocedure::text, p.proowner
    from pg_proc p where p.pronamespace = 'app'::regnamespace
    union all
    select 'schema', n.nspname, n.nspowner from pg_namespace n where n.nspname = 'app'
) owned
where owner <> 'orchstack_owner'::regrole;

-- name: application_owns_something
select format('%s: %s', d.refobjid::regrole, pg_describe_object(d.classid, d.objid, d.objsubid))
    as object
from pg_shdepend d
where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
    and d.dbid in (0, (select oid from pg_database where datname = current_database()))
    and d.refobjid in ('orchstack_app'::regrole, 'orchstack_platform'::regrole);

-- name: role_too_powerful
select r.rolname as object
from pg_roles r
where r.rolname in ('orchstack_owner', 'orchstack_app', 'orchstack_platform')
    and (
        r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication
        or (r.rolname = 'orchstack_owner' and r.rolcanlogin)
    );

-- name: role_in_another_role
select format('%s in %s', m.member::regrole, m.roleid::regrole) as object
from pg_auth_members m
where m.member in (
    'orchstack_owner'::regrole, 'orchstack_app'::regrole, 'orchstack_platform'::regrole
)
    and m.roleid::regrole::text <> 'rds_iam';
