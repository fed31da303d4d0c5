-- name: lock_slot
select pg_try_advisory_xact_lock(hashtextextended(%(slot)s, 0)) as locked;

-- name: find_answer
select fingerprint, status, headers, body
from app.idempotency_answers
where tenant_id = %(tenant_id)s and operation = %(operation)s and key = %(key)s
    and expires_at > %(now)s;

-- name: keep_answer
insert into app.idempotency_answers
    (tenant_id, operation, key, fingerprint, status, headers, body, expires_at)
values (
    %(tenant_id)s, %(operation)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s::jsonb,
    %(body)s, %(expires_at)s
)
on conflict (tenant_id, operation, key) do update set
    fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
    body = excluded.body, expires_at = excluded.expires_at;
