-- Every user; read options narrow it. No row: there is none.
-- $1 known_permissions
select id, name, enabled, root, held_permissions(permissions, root, $1) as permissions, created
from users
