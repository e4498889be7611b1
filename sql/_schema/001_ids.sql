-- Ids are UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, so that they sort by age
-- and new rows land together in an index, then 74 random bits. PostgreSQL has its own from 18 on.
create function uuid_v7() returns uuid
language sql volatile parallel safe
as $$
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    placing substring(
                        int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3
                    )
                    from 1 for 6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid
$$;
