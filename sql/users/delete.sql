-- Delete a user, and with them their tokens and sessions, unless the user is stronger than the caller or the last enabled root. No row: there is no such user.
-- $1 user_id, $2 caller_user, $3 caller_token, $4 caller_session, $5 caller_permissions, $6 known_permissions
with target as (
    select id, name, allowed, last_root, allowed and not last_root as goes
    from touched_user($1, $5, $6)
), deleted as (
    delete from users u using target where u.id = target.id and target.goes
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $2, $3, $4, 'users/delete', id,
        jsonb_build_object(
            'name', name,
            'api_tokens', case when goes then count_tokens(id) else 0 end,
            'allowed', goes
        )
    from target
)
select allowed, last_root from target
