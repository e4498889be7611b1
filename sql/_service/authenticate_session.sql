-- Find who is signed in, and let the session go on while it is used. No row: there is no such session, or it has ended.
-- $1 digests, $2 idle, $3 longest, $4 known_permissions
with found as (
    select
        s.id as session_id, s.created, s.expires, u.id as user_id, u.name as user_name,
        u.enabled as user_enabled, held_permissions(u.permissions, u.root, $4) as permissions
    from sessions s
    join users u on u.id = s.user_id
    where s.digest = any($1) and s.epoch = u.session_epoch and s.expires > now()
      -- An operator may have shortened it since.
      and s.created + $3::interval > now()
), prolonged as (
    update sessions s
    set expires = least(found.created + $3, now() + $2::interval)
    from found
    where s.id = found.session_id
      -- Now and then, not at each call: a read costs less than a write.
      and s.expires < least(found.created + $3, now() + $2) - $2 / 100
)
select session_id, user_id, user_name, user_enabled, permissions
from found
