-- Store a new token of the caller. No row: the value is taken, under the current key or a retired one.
-- $1 name, $2 role, $3 permissions, $4 digests, $5 digest_scheme, $6 hint, $7 expires, $8 metadata, $9 created_by, $10 sealed, $11 caller_user, $12 caller_token, $13 caller_session, $14 known_permissions
with created as (
    insert into api_tokens (
        user_id, name, role, permissions, digest, digest_scheme, hint, expires, metadata, created_by,
        sealed
    )
    select $11, $1, $2, $3, ($4::bytea[])[1], $5, $6, $7, $8, creator($9, $12), $10
    where not exists (
        select from api_tokens where digest = any($4)
        union all
        select from api_tokens where previous_digest = any($4)
    )
    returning api_tokens as token
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $11, $12, $13, 'api-tokens/create', (token).id,
        jsonb_build_object('name', $1, 'role', $2, 'permissions', $3)
    from created
)
select shown.* from created, shown_token(created.token, $14) as shown
