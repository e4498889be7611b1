-- Make the root user of a database without users. No row: there are users already.
-- $1 password_hash
with created as (
    insert into users (name, root, password_hash)
    select 'root', true, $1 where not exists (select from users)
    -- Of two first starts at once, neither of which sees the other's row, one ends here.
    on conflict do nothing
    returning id
), audited as (
    insert into audit_events (actor_user, action, target)
    select id, 'users/create', id from created
)
select id from created
