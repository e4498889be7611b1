-- The sealed events that come after one, in order of their seals. No row: there are no more.
-- $1 seal, $2 id
select
    id, extract(epoch from at)::text as at, actor_user, actor_token, actor_session,
    action, target, details::text as details, seal
from audit_events
where (seal, id) > ($1, $2)
order by seal, id
limit 1000
