-- Find tokens by any other digest they may be stored under: by retired keys, of other systems, or before a rotation. A number without a row: there is no such token.
-- $1 numbers, $2 digests, $3 known_permissions
select distinct on (wanted.number)
    wanted.number,
    t.id as token_id,
    t.user_id,
    u.name as user_name,
    t.name,
    t.role,
    coalesce((
        select string_agg(permission.name, ' ' order by permission.name)
        from jsonb_each($3) as permission (name, is_default)
        where t.permissions -> permission.name = 'true'
            and holds(u.permissions, u.root, permission.name, permission.is_default)
    ), '') as scope,
    case
        when not t.enabled then 'DISABLED'
        when not u.enabled then 'USER_DISABLED'
        when not s.api_enabled then 'API_DISABLED'
    end as bar,
    t.created,
    t.expires,
    t.until,
    t.is_current and t.digest <> wanted.first_digest as is_stale,
    t.is_current and t.previous_until_first_use and t.previous_until > now() as ends_rotation
from (
    -- Each token asked for has a number and several digests, the current key's first.
    select
        number, digest, place,
        first_value(digest) over (partition by number order by place) as first_digest
    from unnest($1::integer[], $2::bytea[]) with ordinality as asked (number, digest, place)
) as wanted
cross join lateral (
    select *, true as is_current, null::timestamptz as until
    from api_tokens
    where digest = wanted.digest
    union all
    select *, false, previous_until
    from api_tokens
    where previous_digest = wanted.digest and previous_until > now()
) t
join users u on u.id = t.user_id
join settings s on s.singleton
-- A value given to two people under two keys (it takes a race) is the newer key's.
order by wanted.number, t.is_current desc, wanted.place
