-- Enable a user, or disable them and end their sessions, unless the user is stronger than the caller or would leave no enabled root. No row: there is no such user.
-- $1 user_id, $2 enabled, $3 caller_user, $4 caller_token, $5 caller_session, $6 caller_permissions, $7 known_permissions
with target as (
    select id, name, allowed, last_root and not $2 as last_root
    from touched_user($1, $6, $7)
), changed as (
    update users u
    set enabled = $2, session_epoch = u.session_epoch + case when $2 then 0 else 1 end
    from target
    where u.id = target.id and target.allowed and not target.last_root
    returning u.id, u.enabled
), ended as (
    delete from sessions using changed where sessions.user_id = changed.id and not changed.enabled
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $3, $4, $5, 'users/set-enabled', id,
        jsonb_build_object('name', name, 'enabled', $2, 'allowed', allowed and not last_root)
    from target
)
select allowed, last_root from target
