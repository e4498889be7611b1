-- Every token as it may be shown; read options narrow it. No row: there is none.
-- $1 known_permissions
select
    t.id, t.key_id, t.user_id, t.name, t.role, t.hint,
    effective_permissions(t.permissions, u.permissions, u.root, $1) as permissions,
    t.enabled, t.created, t.created_by, t.updated, t.expires, t.last_used, t.metadata,
    rotation(t.previous_until, t.previous_until_first_use) as rotation
from api_tokens t
join users u on u.id = t.user_id
