-- When a token was last used, and how on each of some days, newest first. No row: not there, or not the caller's.
-- $1 token_id, $2 caller_user, $3 caller_is_admin, $4 first_day, $5 last_day
select
    t.id as token_id,
    -- The token's own is written less often.
    greatest(t.last_used, (select max(d.last_used) from token_usage d where d.token_id = t.id))
        as last_used,
    (
        select max(d.previous_last_used)
        from token_usage d
        -- What was the secret before an older rotation has ended with the one after.
        where d.token_id = t.id and d.previous_last_used >= t.rotated
    ) as previous_last_used,
    coalesce(
        (
            select jsonb_agg(
                jsonb_build_object(
                    'day', d.day,
                    'verifications', d.verifications,
                    'previous', d.previous,
                    'refusals', coalesce(d.refusals, '{}'),
                    'permissions', coalesce(d.permissions, '{}')
                )
                order by d.day desc
            )
            from token_usage d
            where d.token_id = t.id and d.day between $4 and $5
        ),
        '[]'
    ) as days
from api_tokens t
where t.id = $1 and (t.user_id = $2 or $3)
