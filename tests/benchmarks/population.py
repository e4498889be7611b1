"""A database as years may have left it: tokens of many users, interleaved as time brought them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from app import migrations
from tests.support import database_of, made_database

if TYPE_CHECKING:
    Sql: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Sql = asyncpg.Connection  # generic in its stubs alone

# The user whose tokens are read: every so manieth token is theirs.
READER: Final = "user-0"
CHUNK: Final = 1_000_000

# Values that look random and are the same for the same number in every database.
FUNCTIONS: Final = """
create function pg_temp.pick(n bigint, seed bigint, choices bigint) returns integer
language sql immutable as $$
    select mod(hashint8extended(n, seed) & 9223372036854775807, choices)::integer
$$;
create function pg_temp.one_of(n bigint, seed bigint, choices text[]) returns text
language sql immutable as $$
    select choices[1 + pg_temp.pick(n, seed, cardinality(choices))]
$$;
create function pg_temp.user_id(n bigint) returns uuid
language sql immutable as $$
    select ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid
$$;
"""
USERS: Final = """
insert into users (id, name)
select pg_temp.user_id(n), 'user-' || n from generate_series(0, $1::bigint - 1) n
"""
# $1 first and $2 last number, $3 the step between them, $4 every how manieth is the reader's,
# $5 how many users there are, $6 how many tokens
TOKENS: Final = """
insert into api_tokens (
    id, user_id, name, role, permissions, enabled, digest, digest_scheme, hint, created,
    created_by, updated, expires, last_used
)
select
    overlay(
        encode(substr(digest, 1, 16), 'hex')
        placing lpad(to_hex((extract(epoch from created) * 1000)::bigint), 12, '0') || '7'
        from 1 for 13
    )::uuid,
    pg_temp.user_id(owner),
    pg_temp.one_of(n, 1, '{ci,deploy,backup,grafana,terraform,github-actions,smoke-test,laptop,
        report-export,webhook,billing,mobile-app,Build,Jenkins,sync,monitoring}')
    || pg_temp.one_of(n, 2, '{"",-prod,-staging,-dev,-eu,-us,-test,-old," (do not delete)"}')
    || case pg_temp.pick(n, 3, 2) when 0 then '' else '-' || pg_temp.pick(n, 4, 100) end,
    case when pg_temp.pick(n, 5, 5) > 0
        then pg_temp.one_of(n, 6, '{read-only,read-write,analyst,admin}')
    end,
    '{"read": true}',
    pg_temp.pick(n, 7, 20) > 0,
    digest,
    'hmac-sha256:00000000',
    'apt_…' || translate(left(encode(digest, 'base64'), 4), '+/', '01'),
    created,
    jsonb_build_object(
        'user_id', pg_temp.user_id(owner), 'user_name', 'user-' || owner,
        'token_id', null, 'token_name', null
    ),
    created,
    case when pg_temp.pick(n, 8, 2) > 0
        then created + make_interval(mins => pg_temp.pick(n, 9, 1000000))
    end,
    case when pg_temp.pick(n, 10, 3) > 0
        then created + make_interval(secs => pg_temp.pick(n, 11, 10000000))
    end
from generate_series($1::bigint, $2, $3) n
cross join lateral (
    select
        sha256(int8send(n)) as digest,
        timestamptz '2024-01-01 00:00:00Z' + n * (interval '3 years' / $6::bigint) as created,
        case when mod(n, $4) = 0 then 0 else 1 + pg_temp.pick(n, 12, $5 - 1) end as owner
) as made
"""
# Building an index over rows that are there takes a tenth of the time of growing it row by row.
# What refers to something else goes first and comes back last.
CONSTRAINTS: Final = """
select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
where (conrelid = 'api_tokens'::regclass and contype in ('p', 'u', 'f'))
   or confrelid = 'api_tokens'::regclass
order by contype = 'f' desc
"""
INDEXES: Final = """
select i.relname, pg_get_indexdef(i.oid)
from pg_index x join pg_class i on i.oid = x.indexrelid
where x.indrelid = 'api_tokens'::regclass
  and not exists (select from pg_constraint c where c.conindid = i.oid)
"""
SIZES: Final = """
select relname, pg_relation_size(oid) / 1048576.0 as megabytes from pg_class
where oid = 'api_tokens'::regclass
   or oid in (select indexrelid from pg_index where indrelid = 'api_tokens'::regclass)
order by relkind desc, relname
"""


@dataclass(frozen=True, slots=True)
class Population:
    """How many tokens there are, of how many users, and how many of them are the reader's."""

    tokens: int
    users: int
    of_one: int

    @asynccontextmanager
    async def made(self, server: str, *, alone: bool) -> AsyncIterator[str]:
        """The URL of a database with them; `alone`: with the reader and their tokens only."""
        async with made_database(server) as name:
            url = database_of(server, name)
            await migrations.apply(url, migrations.load())
            connection = await asyncpg.connect(url)
            try:
                await self._fill(connection, alone=alone)
            finally:
                await connection.close()
            yield url

    async def _fill(self, sql: Sql, *, alone: bool) -> None:
        began = time.monotonic()
        await sql.execute(FUNCTIONS)
        await sql.execute(USERS, 1 if alone else self.users)
        share = self.tokens // self.of_one
        async with unindexed(sql):
            for first in range(0, self.tokens, CHUNK * share if alone else CHUNK):
                last = min(first + (CHUNK * share if alone else CHUNK), self.tokens) - 1
                step = share if alone else 1
                await sql.execute(TOKENS, first, last, step, share, self.users, self.tokens)
            loaded = time.monotonic()
        await sql.execute("vacuum analyze")
        print(
            f"{'the reader alone' if alone else 'everybody'}: rows in {loaded - began:.0f} s,"
            f" indexes and vacuum in {time.monotonic() - loaded:.0f} s"
        )
        for name, megabytes in await sql.fetch(SIZES):
            print(f"    {name} {megabytes:,.0f} MB")


@asynccontextmanager
async def unindexed(sql: Sql) -> AsyncIterator[None]:
    """Leave api_tokens without indexes and constraints while rows come in."""
    constraints = await sql.fetch(CONSTRAINTS)
    indexes = await sql.fetch(INDEXES)
    for table, name, _ in constraints:
        await sql.execute(f"alter table {table} drop constraint {name}")
    for name, _ in indexes:
        await sql.execute(f"drop index {name}")
    yield
    await sql.execute("set maintenance_work_mem = '512MB'")
    for table, name, definition in reversed(constraints):
        await sql.execute(f"alter table {table} add constraint {name} {definition}")
    for _, definition in indexes:
        await sql.execute(definition)
