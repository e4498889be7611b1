-- Have the sealed copies of tokens that an administrator is not weaker than; each is an audit event. No row: none is kept, or none is the caller's to see.
-- $1 token_ids, $2 caller_user, $3 caller_token, $4 caller_session, $5 caller_is_admin, $6 caller_permissions, $7 known_permissions
with found as (
    select t.id, t.name, t.digest, t.sealed
    from api_tokens t
    join users u on u.id = t.user_id
    where
        t.id = any($1)
        and t.sealed is not null
        and $5
        and $6 @> effective_permissions(t.permissions, u.permissions, u.root, $7)
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select $2, $3, $4, 'api-tokens/read', id, jsonb_build_object('name', name, 'secret', true)
    from found
)
select id, digest, sealed from found
