-- Make the root user of a database without users. No row: there are users already.
with locked as (
    -- Two first starts at once must not both see an empty table: one waits here for the other.
    select pg_advisory_xact_lock(hashtext('api-tokens first start'))
), created as (
    insert into users (name, root)
    select 'root', true from locked where not exists (select from users)
    on conflict do nothing
    returning id
), audited as (
    insert into audit_events (actor_user, action, target)
    select id, 'users/create', id from created
)
select id from created
