-- What tokens are used: how often on each day, by the day of UTC.

-- `refusals` and `permissions` are {name: n}, null where there is nothing to count. `last_used` is exact
-- here, while `api_tokens.last_used`, which stands in an index, is written less often: see
-- sql/_service/record_usage.sql.
create table token_usage (
    token_id uuid not null references api_tokens on delete cascade,
    day date not null,
    verifications bigint not null,
    last_used timestamptz,
    refusals jsonb,
    permissions jsonb,
    primary key (token_id, day)
)
-- Counters count up in their place: without this a twentieth of them would need new index entries.
with (fillfactor = 85);

-- By it days that are long past are found.
create index token_usage_by_day on token_usage (day);

-- What each process has written last: what it gives again, not knowing whether it was written when
-- the connection was lost, is not counted twice.
create table usage_writers (
    id uuid primary key,
    batch bigint not null,
    written timestamptz not null default now()
);
