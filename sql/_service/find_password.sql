-- What a password is checked against, by the name it is given for. No row: there is no such user.
-- $1 name
select id, password_hash, session_epoch
from users
where name = $1
