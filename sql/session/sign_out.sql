-- End the session that calls. No row: the caller is none.
-- $1 caller_user, $2 caller_token, $3 caller_session
with ended as (
    delete from sessions where id = $3 returning id, user_id
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, target)
    select $1, $2, $3, 'session/sign-out', user_id from ended
)
select id from ended
