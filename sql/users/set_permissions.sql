-- Replace what a user holds, unless the user is stronger than the caller or root, who holds everything. No row: there is no such user.
-- $1 user_id, $2 permissions, $3 caller_user, $4 caller_token, $5 caller_session, $6 caller_permissions, $7 known_permissions
with target as (
    select * from touched_user($1, $6, $7)
), changed as (
    update users u
    set permissions = $2
    from target
    where u.id = target.id and target.allowed and not target.root
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $3, $4, $5, 'users/set-permissions', id,
        jsonb_build_object('name', name, 'permissions', $2, 'allowed', allowed and not root)
    from target
)
select allowed, root, held_permissions($2, root, $7) as held from target
