-- Tell the audit trail that somebody would have granted what they do not hold. No row: never.
-- $1 action, $2 permission, $3 caller_user, $4 caller_token, $5 caller_session
insert into audit_events (actor_user, actor_token, actor_session, action, details)
values ($3, $4, $5, $1, jsonb_build_object('permission', $2::text, 'allowed', false))
returning id
