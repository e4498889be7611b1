-- The number from which on transactions may be running now: all before have ended. Always a row.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest
