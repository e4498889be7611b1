-- Find whose token this is and what it may do, by any digest it may be stored under. No row: there is no such token.
-- $1 digests, $2 known_permissions
select
    t.id as token_id,
    t.name as token_name,
    t.enabled,
    t.expires,
    u.id as user_id,
    u.name as user_name,
    u.enabled as user_enabled,
    s.api_enabled,
    effective_permissions(t.permissions, u.permissions, u.root, $2) as permissions
from api_tokens t
join users u on u.id = t.user_id
join settings s on s.singleton
where t.digest = any($1)
-- A value given to two people under two keys (it takes a race) is the newer key's.
order by array_position($1, t.digest)
limit 1
