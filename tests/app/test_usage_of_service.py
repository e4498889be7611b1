"""What all tokens together were used for is written with each of them: as often, and once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app import migrations
from app.statements import Statements
from app.usage import Usage, recording, writing
from app.usage.writing import Writer
from tests.app.usage import (
    NOON,
    QUICK,
    Unheard,
    of_service,
    on_database,
    tokens_of,
    usage_at,
    verifications,
    write,
)
from tests.methods.support import Sql
from tests.support import until

FILLING = 13


@pytest.fixture
async def statements(database_url: str) -> AsyncIterator[Statements]:
    """The statements of one process."""
    async with on_database(database_url) as opened:
        yield opened


async def test_adds_up_all_tokens(statements: Statements, sql: Sql) -> None:
    """A day has the sums of all tokens, whosever they are and whenever it was written."""
    one, other = await tokens_of(sql, 1) + await tokens_of(sql, 1)
    for codes in (("VALID", "EXPIRED"), ("EXPIRED", "DISABLED"), ("VALID",)):
        usage = usage_at(NOON)
        for code in codes:
            usage.count(one, code)
            usage.count(other, code)
        await write(statements, usage)
    assert await of_service(sql) == {NOON.date(): (10, 2, {"EXPIRED": 4, "DISABLED": 2})}


async def test_tells_days_apart(statements: Statements, sql: Sql) -> None:
    """What is used on a day counts for that day, also for one before the last written."""
    [token] = await tokens_of(sql, 1)
    for days in (0, 1, 0):
        await write(statements, usage_at(NOON + timedelta(days=days), token))
    first, second = NOON.date(), (NOON + timedelta(days=1)).date()
    assert await of_service(sql) == {first: (2, 1, {}), second: (1, 1, {})}


async def test_counts_each_token_once_a_day(
    statements: Statements, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often and in however many statements it is used, it is one token."""
    monkeypatch.setattr(writing, "MOST_TOKENS", 3)
    tokens = await tokens_of(sql, 10)
    for used in (tokens[:7], tokens[4:], [*tokens, *tokens]):
        await write(statements, usage_at(NOON, *used))
    assert await of_service(sql) == {NOON.date(): (33, 10, {})}


async def test_keeps_what_deleted_tokens_were_used_for(statements: Statements, sql: Sql) -> None:
    """Counts of the service never go down."""
    one, other = await tokens_of(sql, 2)
    await write(statements, usage_at(NOON, one, other))
    await sql.execute("delete from api_tokens where id = $1", UUID(one))
    await write(statements, usage_at(NOON, other))
    assert await of_service(sql) == {NOON.date(): (3, 2, {})}


async def test_counts_what_is_written_and_nothing_else(statements: Statements, sql: Sql) -> None:
    """Uses of a token that is gone count nowhere, and a day of nothing else is none."""
    [token] = await tokens_of(sql, 1)
    await sql.execute("delete from api_tokens where id = $1", UUID(token))
    await write(statements, usage_at(NOON, token))
    assert await of_service(sql) == {}


async def test_counts_what_was_left_when_it_is_written(
    statements: Statements, sql: Sql, database_url: str
) -> None:
    """A token that somebody is changing counts when it is its turn, once."""
    one, other = await tokens_of(sql, 2)
    usage = usage_at(NOON, one, other)
    writer = Writer(statements, usage)
    changing: Sql = await asyncpg.connect(database_url)
    try:
        async with changing.transaction():
            await changing.execute("select from api_tokens where id = $1 for update", UUID(one))
            await writer.write()
            assert await of_service(sql) == {NOON.date(): (1, 1, {})}
    finally:
        await changing.close()
    await writer.write()
    assert await of_service(sql) == {NOON.date(): (2, 2, {})}


async def test_counts_once_what_is_given_again(database_url: str, sql: Sql) -> None:
    """Where the answer is lost the same batch comes again, and is not added again."""
    tokens = await tokens_of(sql, 20)

    async def all_written() -> bool:
        return not usage.waiting

    async with (
        on_database(database_url, Unheard) as deaf,
        recording(deaf, QUICK, usage_at(NOON)) as usage,
    ):
        for token in tokens:
            usage.count(token, "EXPIRED")
        await until(all_written)
    assert await of_service(sql) == {NOON.date(): (20, 20, {"EXPIRED": 20})}


async def test_several_processes_add_up(database_url: str, sql: Sql) -> None:
    """Several that write the same tokens on the same day lose nothing, and wait in no circle."""
    tokens = await tokens_of(sql, 60)

    async def process() -> None:
        async with (
            on_database(database_url) as opened,
            recording(opened, QUICK, usage_at(NOON)) as usage,
        ):
            for _ in range(20):
                for token in tokens:
                    usage.count(token, "VALID")
                    usage.count(token, "EXPIRED")
                await asyncio.sleep(QUICK)

    await asyncio.gather(*(process() for _ in range(4)))
    expected = 4 * 20 * 60
    assert await of_service(sql) == {NOON.date(): (2 * expected, 60, {"EXPIRED": expected})}
    assert sum((await verifications(sql)).values()) == 2 * expected
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await sql.fetchval(deadlocks) == 0


async def test_forgets_days_that_are_long_past(statements: Statements, sql: Sql) -> None:
    """Days of the service are kept as long as those of tokens."""
    await sql.execute(
        "insert into service_usage (day, verifications, tokens)"
        " select (now() at time zone 'UTC')::date - n, 1, 1 from generate_series(380, 450) n"
    )

    async def gone() -> bool:
        return bool(await sql.fetchval("select count(*) = 21 from service_usage"))

    async with recording(statements, QUICK, Usage()):
        await until(gone)
    oldest = "select (now() at time zone 'UTC')::date - min(day) from service_usage"
    assert await sql.fetchval(oldest) == 400


async def test_begins_with_what_tokens_were_used_for(empty_database: str) -> None:
    """A database of an older service has the sums of what it has counted."""
    known = migrations.load()
    await migrations.apply(empty_database, known[: FILLING - 1])
    sql: Sql = await asyncpg.connect(empty_database)
    try:
        tokens = await tokens_of(sql, 2)
        await sql.execute(
            "insert into token_usage (token_id, day, verifications, refusals)"
            " select id, day, 5, case when day = $2::date then '{\"EXPIRED\": 2}'::jsonb end"
            " from unnest($1::uuid[]) as id, unnest(array[$2::date, $2::date - 1]) as day",
            [UUID(token) for token in tokens],
            NOON.date(),
        )
        await migrations.apply(empty_database, known)
        found = await of_service(sql)
    finally:
        await sql.close()
    before = (NOON - timedelta(days=1)).date()
    assert found == {NOON.date(): (10, 2, {"EXPIRED": 4}), before: (10, 2, {})}
