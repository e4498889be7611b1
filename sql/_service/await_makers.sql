-- Wait for those who are making tokens of a user just now and may not have seen that somebody watches. Always a row.
-- $1 user_id
select pg_advisory_xact_lock(7824, watch_number($1))
