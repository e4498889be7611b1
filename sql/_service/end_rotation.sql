-- End the rotation of a token whose new secret is used for the first time. No row: it has ended already.
-- $1 token_id, $2 user_id, $3 digests
with ended as (
    update api_tokens
    set previous_digest = null, previous_until = null, previous_until_first_use = false
    -- By the secret that is new now: it may have been rotated once more since the call began.
    where id = $1 and digest = any($3) and previous_until_first_use and previous_digest is not null
    returning id, name
), audited as (
    insert into audit_events (actor_user, actor_token, action, target, details)
    select
        $2, id, 'api-tokens/rotate', id,
        jsonb_build_object('name', name, 'finished', 'first use', 'allowed', true)
    from ended
)
select id from ended
