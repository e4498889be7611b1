-- Remember the key that digests are made with from now on. No row: the database belongs to a key that is not among ours.
-- $1 current, $2 all_keys
update settings
set digest_key_id = $1
where singleton and (digest_key_id is null or digest_key_id = any($2))
returning digest_key_id
