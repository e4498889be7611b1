-- Every audit event ("all"), and again for each user it is about ("one"): its actor, its target; read options narrow it. No row: there is none.
select
    e.id, e.at, e.actor_user,
    (select u.name from users u where u.id = e.actor_user) as actor_name,
    e.actor_token, e.actor_session, e.action, e.target, e.details, e.seal, e.view, e.about
from (
    select *, 'all' as view, null::uuid as about, true as is_new from audit_events
    union all
    -- Actor and target apart, since each has its index: an "or" would have none.
    select *, 'one', actor_user, true from audit_events
    union all
    select *, 'one', target, target is distinct from actor_user from audit_events
) e
where e.is_new
