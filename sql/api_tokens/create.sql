-- Store a new token of the caller. No row: the value is taken, under the current key or a retired one.
-- $1 name, $2 role, $3 permissions, $4 digests, $5 digest_scheme, $6 hint, $7 expires, $8 metadata, $9 created_by, $10 caller_user, $11 caller_token, $12 caller_session, $13 known_permissions
with created as (
    insert into api_tokens (
        user_id, name, role, permissions, digest, digest_scheme, hint, expires, metadata, created_by
    )
    select $10, $1, $2, $3, ($4::bytea[])[1], $5, $6, $7, $8, $9
    where not exists (
        select from api_tokens where digest = any($4)
        union all
        select from api_tokens where previous_digest = any($4)
    )
    returning api_tokens as token
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $10, $11, $12, 'api-tokens/create', (token).id,
        jsonb_build_object('name', $1, 'role', $2, 'permissions', $3)
    from created
)
select shown.* from created, shown_token(created.token, $13) as shown
