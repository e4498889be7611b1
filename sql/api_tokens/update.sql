-- Change what is given of a token, unless it is stronger than the caller or the new value is taken. No row: not there, or not the caller's.
-- $1 token_id, $2 name, $3 sets_role, $4 role, $5 permissions, $6 sets_expires, $7 expires, $8 metadata, $9 digests, $10 digest_scheme, $11 hint, $12 sealed, $13 finish_rotation, $14 told, $15 caller_user, $16 caller_token, $17 caller_session, $18 caller_is_admin, $19 caller_permissions, $20 known_permissions
with target as (
    select
        *,
        exists (
            select from api_tokens where digest = any($9) and id <> $1
            union all
            select from api_tokens where previous_digest = any($9) and id <> $1
        ) as taken
    from touched_token($1, $15, $18, $19, $20)
), changed as (
    update api_tokens t
    set
        name = coalesce($2, t.name),
        role = case when $3 then $4 else t.role end,
        permissions = coalesce($5, t.permissions),
        expires = case when $6 then $7 else t.expires end,
        metadata = coalesce($8, t.metadata),
        digest = coalesce(($9::bytea[])[1], t.digest),
        digest_scheme = coalesce($10, t.digest_scheme),
        hint = coalesce($11, t.hint),
        -- Never that of another value.
        sealed = case when $9 is not null then $12 else t.sealed end,
        -- A value of one's own ends a rotation as well: no older one is to work beside it.
        previous_digest = case when $13 or $9 is not null then null else t.previous_digest end,
        previous_until = case
            when $13 or $9 is not null then null
            when $6 and t.previous_until > $7 then $7
            else t.previous_until
        end,
        previous_until_first_use =
            t.previous_until_first_use and not ($13 or $9 is not null),
        updated = now()
    from target
    where t.id = target.id and target.allowed and not target.taken
    returning t as token
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target, details)
    select
        $15, $16, $17, 'api-tokens/update', id,
        jsonb_build_object('name', name, 'changes', $14::jsonb, 'allowed', allowed)
    from target
    where not (allowed and taken)
)
select target.allowed, target.taken, shown.*
from target
left join changed on true
left join shown_token(changed.token, $20) as shown on true
