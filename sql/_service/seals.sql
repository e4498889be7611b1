-- The seals that come after one, up to another. No row: there are no more.
-- $1 number, $2 last_number
select
    number, extract(epoch from sealed)::text as sealed, events, events_digest, previous_digest,
    key_id, digest,
    coalesce(
        to_char(sealed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), sealed::text
    ) as shown_time
from audit_seals
where number > $1 and number <= $2
order by number
limit 1000
