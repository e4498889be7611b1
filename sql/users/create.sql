-- Add a user. No row: never (a name that is taken breaks a constraint).
-- $1 name, $2 permissions, $3 caller_user, $4 caller_token, $5 known_permissions
with created as (
    insert into users (name, permissions) values ($1, $2) returning *
), audited as (
    insert into audit_events (actor_user, actor_token, action, target, details)
    select
        $3, $4, 'users/create', id, jsonb_build_object('name', name, 'permissions', permissions)
    from created
)
select
    id, name, enabled, root, held_permissions(permissions, root, $5) as permissions, created
from created
