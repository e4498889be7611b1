-- Close events in by the next seal. No row: another process has made that seal meanwhile.
-- $1 number, $2 sealed, $3 events, $4 events_digest, $5 previous_digest, $6 key_id, $7 digest, $8 ids
with made as (
    insert into audit_seals (
        number, sealed, events, events_digest, previous_digest, key_id, digest
    )
    values ($1, to_timestamp($2::text::double precision), $3, $4, $5, $6, $7)
    on conflict do nothing
    returning number
), closed as (
    -- Of an event that has a seal already, a trigger refuses this, and so the new seal as well.
    update audit_events set seal = made.number from made where audit_events.id = any($8)
)
select number from made
