-- The processes that may be using what they remember of the database.

-- Logged, as few rows as it has: were it empty after a crash, somebody who has just begun would not
-- know of those who have not noticed yet.
create table processes (
    id uuid primary key,
    -- Another one with every beat. Whether a process is alive others judge by it and by their own
    -- clocks: the database's may be set.
    number bigint not null,
    -- For how many seconds after a beat it may use what it remembers.
    lease double precision not null
);

-- A process is alive, and says so; `dead` are rows that have not changed for long, as they were last
-- seen. Answers all there are, as they were just before.
create function beat(
    process uuid, beat_number bigint, seconds double precision, dead uuid[], dead_numbers bigint[]
) returns setof processes
language plpgsql
as $$
begin
    return query select * from processes;
    update processes set number = beat_number, lease = seconds where id = process;
    if found then
        -- A crash may take back a beat, for which no disk has to be waited, but not the row.
        perform set_config('synchronous_commit', 'off', true);
    else
        insert into processes values (process, beat_number, seconds);
    end if;
    -- Several may come to this at once: nobody waits for anybody.
    delete from processes where id in (
        select p.id
        from processes p
        join unnest(dead, dead_numbers) as seen (id, number) using (id, number)
        for update of p skip locked
    );
end
$$;

-- Say something on some channels; answers the processes there are.
create function speak(channels text[], texts text[]) returns setof processes
language plpgsql
as $$
begin
    perform pg_notify(channel, said) from unnest(channels, texts) as message (channel, said);
    return query select * from processes;
end
$$;
