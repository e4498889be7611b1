-- Sign a user in whose password was right in this epoch, if it goes on; a failure is audited as well. No row: it failed.
-- $1 user_id, $2 verified_epoch, $3 new_hash, $4 digest, $5 idle, $6 most_sessions, $7 address, $8 known_permissions
with target as (
    select id, name, root, enabled, permissions, session_epoch
    from users
    where id = $1 and session_epoch = $2
    -- The user before their sessions, as who ends those does: lest each wait for the other.
    for key share
), created as (
    insert into sessions (user_id, epoch, digest, expires)
    select id, session_epoch, $4, now() + $5::interval
    from target
    where enabled
    returning id, user_id, created, expires
), rehashed as (
    update users
    set password_hash = $3
    from created
    where users.id = created.user_id and users.session_epoch = $2 and $3::text is not null
), ended as (
    delete from sessions
    where user_id = (select user_id from created)
      and (
          expires <= now()
          or id in (
              select id from sessions where user_id = $1 order by created desc offset $6 - 1
          )
      )
), audited as (
    insert into audit_events (actor_user, actor_session, action, target, details)
    values (
        (select user_id from created),
        (select id from created),
        'session/sign-in',
        $1,
        jsonb_build_object('allowed', exists (select from created), 'address', $7::text)
    )
)
select
    target.id, target.name, target.root, target.enabled,
    held_permissions(target.permissions, target.root, $8) as permissions,
    created.id as session_id, created.created, created.expires
from target
left join created on true
