-- How the tokens of the whole service were used on each of some days, newest first. No row: on none of them.
-- $1 first_day, $2 last_day
select day, verifications, tokens, coalesce(refusals, '{}') as refusals
from service_usage
where day between $1 and $2
order by day desc
