-- Find many tokens by the digests of their secrets under the current key. A digest without a row is no token's, or `find_tokens_otherwise` finds it.
-- $1 digests, $2 known_permissions
select
    t.digest,
    t.id as token_id,
    t.user_id,
    u.name as user_name,
    t.name,
    t.role,
    -- As effective_permissions() has it, which a row at a time would take as long as all else here.
    coalesce((
        select string_agg(permission.name, ' ' order by permission.name)
        from jsonb_each($2) as permission (name, is_default)
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
    null::timestamptz as until,
    false as is_stale,
    t.previous_until_first_use and t.previous_until > now() as ends_rotation
from api_tokens t
join users u on u.id = t.user_id
join settings s on s.singleton
where t.digest = any($1)
