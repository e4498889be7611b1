-- End the token that has this secret now, or only the secret if it is the one before a rotation. No row: there is no such token any more.
-- $1 digests
with current as (
    select id, user_id, name
    from api_tokens
    where digest = any($1)
    order by array_position($1, digest)
    limit 1
    for update
), previous as (
    select id, user_id, name
    from api_tokens
    where previous_digest = any($1) and previous_until > now() and not exists (select from current)
    limit 1
    for update
), deleted as (
    delete from api_tokens t using current where t.id = current.id
), ended as (
    update api_tokens t
    set previous_digest = null, previous_until = null, previous_until_first_use = false
    from previous
    where t.id = previous.id
), target as (
    select *, 'current' as secret from current
    union all
    select *, 'previous' from previous
), audited as (
    insert into audit_events (actor_user, actor_token, action, target, details)
    select
        user_id, id, 'api-tokens/revoke', id,
        jsonb_build_object('name', name, 'secret', secret, 'allowed', true)
    from target
)
select id from target
