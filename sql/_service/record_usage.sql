-- Add up how tokens were used on a day, each and all together; a batch given again, that was written, is not added again. Rows: tokens that others are changing just now, to be given once more.
-- $1 writer, $2 batch, $3 day, $4 token_ids, $5 verifications, $6 last_used, $7 refusals, $8 permissions, $9 previous, $10 previous_last_used, $11 precision
with turn as (
    insert into usage_writers as w (id, batch) values ($1, $2)
    on conflict (id) do update set batch = excluded.batch, written = now()
    where w.batch < excluded.batch
    returning id
), used as (
    select
        u.token_id, u.verifications, to_timestamp(u.at) as last_used, u.refusals, u.permissions,
        coalesce(u.previous, 0) as previous, to_timestamp(u.previous_at) as previous_last_used
    from unnest(
        $4::text[]::uuid[], $5::bigint[], $6::double precision[], $7::jsonb[], $8::jsonb[],
        $9::bigint[], $10::double precision[]
    ) as u (token_id, verifications, at, refusals, permissions, previous, previous_at)
    where exists (select from turn)
), locked as (
    -- Whoever deletes a user locks tokens in an order of their own: this statement waits for nobody,
    -- and what it counts is touched by nobody who does not hold the token's lock.
    select
        used.*,
        -- A new `last_used` means new entries in every index: three times all else here.
        coalesce(
            t.last_used < used.last_used - make_interval(secs => $11), used.last_used is not null
        ) as is_due
    from used
    join api_tokens t on t.id = used.token_id
    order by used.token_id
    for no key update of t skip locked
), dated as (
    update api_tokens t set last_used = locked.last_used
    from locked
    where t.id = locked.token_id and locked.is_due
    returning t.id
), counted as (
    insert into token_usage as d (
        token_id, day, verifications, last_used, refusals, permissions, previous,
        previous_last_used
    )
    select
        token_id, $3, verifications, last_used, refusals, permissions, previous, previous_last_used
    from locked
    order by token_id
    on conflict (token_id, day) do update set
        verifications = d.verifications + excluded.verifications,
        last_used = greatest(d.last_used, excluded.last_used),
        previous = d.previous + excluded.previous,
        previous_last_used = greatest(d.previous_last_used, excluded.previous_last_used),
        -- Spelled out twice: a function would be called for each row.
        refusals = case
            when excluded.refusals is null then d.refusals
            when d.refusals is null then excluded.refusals
            else (
                select jsonb_object_agg(name, n)
                from (
                    select name, sum(value::bigint) as n
                    from (
                        select * from jsonb_each_text(d.refusals)
                        union all
                        select * from jsonb_each_text(excluded.refusals)
                    ) as both_counts (name, value)
                    group by name
                ) summed
            )
        end,
        permissions = case
            when excluded.permissions is null then d.permissions
            when d.permissions is null then excluded.permissions
            else (
                select jsonb_object_agg(name, n)
                from (
                    select name, sum(value::bigint) as n
                    from (
                        select * from jsonb_each_text(d.permissions)
                        union all
                        select * from jsonb_each_text(excluded.permissions)
                    ) as both_counts (name, value)
                    group by name
                ) summed
            )
        end
    returning token_id, verifications
), together as (
    -- When all else is done, since there is this one row for every process: who has it waits for
    -- nobody, and is about to end.
    insert into service_usage as s (day, verifications, tokens, refusals)
    select
        $3,
        sum(verifications),
        -- Of these the day has just what was given: it is their first time.
        (
            select count(*)
            from (
                select token_id, verifications from counted
                intersect
                select token_id, verifications from locked
            ) as new_today
        ),
        (
            select jsonb_object_agg(code, n)
            from (
                select code, sum(value::bigint) as n
                from locked, jsonb_each_text(locked.refusals) as refused (code, value)
                group by code
            ) summed
        )
    from locked
    where (select count(*) from dated) + (select count(*) from counted) > 0
    having count(*) > 0
    on conflict (day) do update set
        verifications = s.verifications + excluded.verifications,
        tokens = s.tokens + excluded.tokens,
        refusals = (
            select jsonb_object_agg(code, n)
            from (
                select code, sum(value::bigint) as n
                from (
                    select * from jsonb_each_text(s.refusals)
                    union all
                    select * from jsonb_each_text(excluded.refusals)
                ) as both_counts (code, value)
                group by code
            ) summed
        )
)
select used.token_id
from used
where not exists (select from locked where locked.token_id = used.token_id)
    and exists (select from api_tokens t where t.id = used.token_id)
