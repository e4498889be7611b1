-- Forget how tokens were used on days that are long past, so many at a time, and processes that ended long ago. Rows: always one.
-- $1 days, $2 most
with past as (
    select token_id, day
    from token_usage
    where day < (now() at time zone 'UTC')::date - $1::integer
    order by day
    limit $2
    for update skip locked
), forgotten as (
    delete from token_usage d using past where d.token_id = past.token_id and d.day = past.day
), ended as (
    delete from usage_writers where written < now() - interval '30 days'
)
select count(*) as forgotten from past
