-- Move a token from the digest it was found under, another system's or of a retired key, to the current key's. No row: its secret has changed meanwhile.
-- $1 token_id, $2 digests, $3 digest_scheme, $4 hint
update api_tokens
set digest = ($2::bytea[])[1], digest_scheme = $3, hint = $4
where id = $1 and digest = any($2)
returning id
