-- Forget how tokens were used, each and all together, on days that are long past, so many at a time, and processes that ended long ago. Rows: always one.
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
), forgotten_together as (
    delete from service_usage where day in (
        select day
        from service_usage
        where day < (now() at time zone 'UTC')::date - $1::integer
        for update skip locked
    )
), ended as (
    delete from usage_writers where id in (
        select id
        from usage_writers
        where written < now() - interval '30 days'
        for update skip locked
    )
)
select count(*) as forgotten from past
