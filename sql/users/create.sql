-- Add a user. No row: never (a name that is taken breaks a constraint).
-- $1 name, $2 permissions, $3 password_hash, $4 caller_user, $5 caller_token, $6 caller_session, $7 known_permissions
with created as (
    insert into users (name, permissions, password_hash) values ($1, $2, $3) returning *
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $4, $5, $6, 'users/create', id, jsonb_build_object('name', name, 'permissions', permissions)
    from created
)
select
    id, name, enabled, root, held_permissions(permissions, root, $7) as permissions, created
from created
