-- What all tokens together are used: how often on each day, by the day of UTC.

-- Added to along with token_usage (sql/_service/record_usage.sql), and not the sum of it: that would
-- take as long as there are tokens, and lose what those were used for that are deleted.
create table service_usage (
    day date primary key,
    verifications bigint not null,
    -- How many different tokens.
    tokens bigint not null,
    -- {code: n}; null where none was refused.
    refusals jsonb
)
-- A row is written anew many times a second: there has to be room for it beside the old one.
with (fillfactor = 50);

insert into service_usage (day, verifications, tokens, refusals)
select counted.day, counted.verifications, counted.tokens, refused.refusals
from (
    select day, sum(verifications) as verifications, count(*) as tokens
    from token_usage
    group by day
) counted
left join (
    select day, jsonb_object_agg(code, n) as refusals
    from (
        select day, code, sum(value::bigint) as n
        from token_usage, jsonb_each_text(refusals) as each_refusal (code, value)
        group by day, code
    ) summed
    group by day
) refused using (day);
