-- Whether the database answers, and how far it is migrated. No row: never.
select count(*) as migrations from schema_migrations
