-- Whether the database answers with our tables in it. No row: never.
select count(*) as migrations from schema_migrations
