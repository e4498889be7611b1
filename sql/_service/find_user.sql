-- The user an operator speaks as on the command line. No row: there is no such user.
-- $1 name, $2 known_permissions
select id, name, held_permissions(permissions, root, $2) as permissions
from users
where name = $1
