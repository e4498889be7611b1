-- What a token may do, and what its owner holds. No row: not there, or not the caller's.
-- $1 token_id, $2 caller_user, $3 caller_is_admin, $4 known_permissions
select
    effective_permissions(t.permissions, u.permissions, u.root, $4) as effective,
    held_permissions(u.permissions, u.root, $4) as held
from api_tokens t
join users u on u.id = t.user_id
where t.id = $1 and (t.user_id = $2 or $3)
