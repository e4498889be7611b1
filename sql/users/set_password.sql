-- Give a user a password, or none, and end their sessions, unless the user is stronger than the caller. No row: there is no such user.
-- $1 user_id, $2 password_hash, $3 caller_user, $4 caller_token, $5 caller_session, $6 caller_permissions, $7 known_permissions
with target as (
    select * from touched_user($1, $6, $7)
), changed as (
    update users u
    set password_hash = $2, session_epoch = u.session_epoch + 1
    from target
    where u.id = target.id and target.allowed
    returning u.id
), ended as (
    delete from sessions using changed where sessions.user_id = changed.id
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $3, $4, $5, 'users/set-password', id,
        jsonb_build_object('name', name, 'removed', $2::text is null, 'allowed', allowed)
    from target
)
select allowed from target
