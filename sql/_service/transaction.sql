-- The number of a transaction that begins now: those that are running already have lower ones. Always a row.
select pg_current_xact_id()::text::bigint as number
