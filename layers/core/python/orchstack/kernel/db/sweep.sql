-- name: delete_expired_answers
delete from app.idempotency_answers
where ctid = any (array(
    select ctid from app.idempotency_answers where expires_at <= %(now)s limit %(limit)s
));

-- name: delete_old_inbox
delete from app.inbox
where ctid = any (array(
    select ctid from app.inbox where taken_at < %(before)s limit %(limit)s
));
