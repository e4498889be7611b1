-- Delete a token, unless it is stronger than the caller. No row: not there, or not the caller's.
-- $1 token_id, $2 caller_user, $3 caller_token, $4 caller_session, $5 caller_is_admin, $6 caller_permissions, $7 known_permissions
with target as (
    select * from touched_token($1, $2, $5, $6, $7)
), deleted as (
    delete from api_tokens t using target where t.id = target.id and target.allowed
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $2, $3, $4, 'api-tokens/delete', id,
        jsonb_build_object('name', name, 'allowed', allowed)
    from target
)
select allowed from target
