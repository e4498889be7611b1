-- Store a new token of the caller. No row: the value is taken, under the current key or a retired one.
-- $1 name, $2 role, $3 permissions, $4 digests, $5 digest_scheme, $6 hint, $7 expires, $8 metadata, $9 created_by, $10 caller_user, $11 caller_token, $12 known_permissions
with created as (
    insert into api_tokens (
        user_id, name, role, permissions, digest, digest_scheme, hint, expires, metadata, created_by
    )
    select $10, $1, $2, $3, ($4::bytea[])[1], $5, $6, $7, $8, $9
    where not exists (select from api_tokens where digest = any($4))
    returning *
), audited as (
    insert into audit_events (actor_user, actor_token, action, target, details)
    select
        $10, $11, 'api-tokens/create', id,
        jsonb_build_object('name', name, 'role', role, 'permissions', permissions)
    from created
)
select
    t.id, t.user_id, t.name, t.role, t.hint,
    effective_permissions(t.permissions, u.permissions, u.root, $12) as permissions,
    t.enabled, t.created, t.created_by, t.updated, t.expires, t.last_used, t.metadata
from created t
join users u on u.id = t.user_id
