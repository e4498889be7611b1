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
    effective_permissions(t.permissions, u.permissions, u.root, $2) as permissions,
    -- What a first use settles: the digest is moved to the current key, a rotation comes to its end.
    t.is_current and t.digest <> ($1::bytea[])[1] as is_stale,
    t.is_current and t.previous_until_first_use and t.previous_until > now() as ends_rotation
from (
    (
        select *, true as is_current
        from api_tokens
        where digest = any($1)
        -- A value given to two people under two keys (it takes a race) is the newer key's.
        order by array_position($1, digest)
        limit 1
    )
    union all
    (
        -- Looked for only where nothing was found: the limit stops before.
        select *, false
        from api_tokens
        where previous_digest = any($1) and previous_until > now()
        limit 1
    )
    limit 1
) t
join users u on u.id = t.user_id
join settings s on s.singleton
