-- The oldest events that no seal closes in, beside the last seal there is. No row: all are sealed.
-- $1 most
select
    e.id, extract(epoch from e.at)::text as at, e.actor_user, e.actor_token, e.actor_session,
    e.action, e.target, e.details::text as details,
    extract(epoch from now())::text as now, coalesce(last.number, 0) as last_number,
    last.digest as last_digest
from audit_events e
left join (select number, digest from audit_seals order by number desc limit 1) last on true
where e.seal is null
order by e.id
limit $1
