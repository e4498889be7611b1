-- What is set for the whole service. No row: never.
select api_enabled from settings where singleton
