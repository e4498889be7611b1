-- Switch a token on or off, unless it is stronger than the caller. No row: not there, or not the caller's.
-- $1 token_id, $2 enabled, $3 caller_user, $4 caller_token, $5 caller_session, $6 caller_is_admin, $7 caller_permissions, $8 known_permissions
with target as (
    select * from touched_token($1, $3, $6, $7, $8)
), changed as (
    update api_tokens t
    set enabled = $2, updated = now()
    from target
    where t.id = target.id and target.allowed
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $3, $4, $5, 'api-tokens/set-enabled', id,
        jsonb_build_object('name', name, 'enabled', $2, 'allowed', allowed)
    from target
)
select allowed from target
