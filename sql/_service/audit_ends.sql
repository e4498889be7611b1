-- Where the chain of seals ends, how much is not sealed yet, and a seal beyond that events claim. No row: never.
select
    last.number as last_number,
    (select count(*) from audit_events where seal is null) as unsealed,
    coalesce(
        (select min(seal) from audit_events where seal < 1),
        (select min(seal) from audit_events where seal > last.number)
    ) as claimed
from (select coalesce(max(number), 0) as number from audit_seals) last
