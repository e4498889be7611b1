-- Whether a sealed copy of any secret is kept. No row: none is.
select true as is_kept from api_tokens where sealed is not null limit 1
