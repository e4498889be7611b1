-- How many sealed copies of secrets are kept, by the id of the recovery key. No row: none is.
select encode(substr(sealed, 1, 4), 'hex') as key_id, count(*) as copies
from api_tokens
where sealed is not null
group by 1
order by 1
