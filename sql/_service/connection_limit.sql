-- How many connections the server has for all who are not superusers. Always a row.
select current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int as connections
