-- Make the root user of a database without users. No row: there are users already.
with created as (
    insert into users (name, root)
    select 'root', true where not exists (select from users)
    -- Of two first starts at once, neither of which sees the other's row, one ends here.
    on conflict do nothing
    returning id
), audited as (
    insert into audit_events (actor_user, action, target)
    select id, 'users/create', id from created
)
select id from created
