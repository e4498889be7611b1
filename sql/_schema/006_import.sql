-- Tokens of other systems.

-- What an imported token came with, keyed, for good: whatever becomes of its secret, the same row of
-- the same file is known again and not taken in twice.
alter table api_tokens add column import_fingerprint bytea;

create unique index api_tokens_import_fingerprint_key on api_tokens (import_fingerprint)
where import_fingerprint is not null;

-- Where rows to import stand for the length of one transaction, in which nobody else sees them.
create unlogged table import_rows (
    -- By it they are found, however many dead rows of others vacuum has not yet cleared away.
    transaction_id xid8 not null default pg_current_xact_id(),
    index integer not null,
    -- The first row of the call that has the same value; itself if there is none before it.
    first_index integer not null,
    owner text not null,
    name text not null,
    role text,
    permissions jsonb not null,
    enabled boolean not null,
    -- Every digest the value may be stored under; the first is the one it will be.
    digests bytea[] not null,
    -- What it may be known again by; the first is what it will be.
    fingerprints bytea[] not null,
    digest_scheme text not null,
    hint text not null,
    created timestamptz,
    expires timestamptz,
    metadata jsonb not null
);

create index import_rows_by_transaction on import_rows (transaction_id);
