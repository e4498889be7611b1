-- What the secret before a rotation is used for, while it goes on working beside the new one.

alter table token_usage
    -- How many of the verifications were by it, and when the last was, refused or not: who was
    -- refused has it still.
    add column previous bigint not null default 0,
    add column previous_last_used timestamptz;
