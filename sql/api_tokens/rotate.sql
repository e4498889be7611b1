-- Give a token a new secret, unless it is stronger than the caller or cannot be rotated. No row: not there, or not the caller's.
-- $1 token_id, $2 digest, $3 digest_scheme, $4 hint, $5 grace, $6 until_first_use, $7 sets_expires, $8 expires, $9 rotation_key, $10 rotation_nonce, $11 remembered, $12 sealed, $13 caller_user, $14 caller_token, $15 caller_session, $16 caller_is_admin, $17 caller_permissions, $18 known_permissions
with seen as (
    -- As it was when this statement began, however long the lock below was waited for.
    select rotated from api_tokens where id = $1
), target as (
    select
        t.id, t.name, t.digest, t.rotation_nonce, t.allowed,
        case
            when t.is_remembered and t.rotation_key is not null
            -- The last twenty: nobody retries what lies further back.
            then (t.rotation_key || t.past_rotation_keys)[:20]
            when t.is_remembered then t.past_rotation_keys
            else '{}'
        end as past_rotation_keys,
        case
            when not t.allowed then 'stronger'
            when t.rotation_key = $9 and t.is_remembered then 'repeated'
            when $9 = any(t.past_rotation_keys) and t.is_remembered then 'replaced'
            when t.rotated is distinct from seen.rotated then 'outrun'
            when not t.enabled then 'disabled'
            when t.expires <= now() then 'expired'
            else 'rotated'
        end as verdict
    from (
        select *, rotated > now() - $11::interval as is_remembered
        from touched_token($1, $13, $16, $17, $18)
    ) t
    left join seen on true
), rotated as (
    update api_tokens t
    set
        digest = $2,
        digest_scheme = $3,
        hint = $4,
        sealed = $12,
        previous_digest = case when $5::interval is not null then t.digest end,
        -- Never beyond the day on which it would have ended anyway.
        previous_until = case
            when $5 is not null
            then least(now() + $5, t.expires, case when $7 then $8::timestamptz end)
        end,
        previous_until_first_use = $6,
        expires = case when $7 then $8 else t.expires end,
        rotated = now(),
        rotation_key = $9,
        rotation_nonce = $10,
        past_rotation_keys = target.past_rotation_keys,
        updated = now()
    from target
    where t.id = target.id and target.verdict = 'rotated'
    returning t as token
), repeated as (
    -- Changes nothing: it is how to see the row as it is now rather than when this began.
    update api_tokens t
    set updated = t.updated
    from target
    where t.id = target.id and target.verdict = 'repeated'
    returning t as token
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $13, $14, $15, 'api-tokens/rotate', target.id,
        jsonb_build_object(
            'name', target.name,
            'previous_until', (rotated.token).previous_until,
            'repeated', target.verdict = 'repeated',
            'allowed', target.allowed
        )
    from target
    left join rotated on true
    where target.verdict in ('stronger', 'repeated', 'rotated')
)
select target.allowed, target.verdict, target.digest as stored, target.rotation_nonce, shown.*
from target
left join (select token from rotated union all select token from repeated) as changed on true
left join shown_token(changed.token, $18) as shown on true
