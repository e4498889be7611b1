-- Who calls, and by what. No row: the user has just been deleted.
-- $1 caller_user, $2 caller_token, $3 caller_session
select
    u.id, u.name, u.root,
    s.id as session_id, s.created as session_created, s.expires as session_expires,
    t.id as token_id, t.name as token_name, t.expires as token_expires
from users u
left join sessions s on s.id = $3
left join api_tokens t on t.id = $2
where u.id = $1
