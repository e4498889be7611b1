"""A database that goes away takes nothing with it of what tokens were used for."""

from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
from yarl import URL

from app.usage import Usage, recording, writing
from tests.app.usage import NEVER, QUICK, Access, Unheard, on_database, tokens_of, verifications
from tests.methods.support import Sql
from tests.support import until


@pytest.fixture
async def access(postgres: str, database_url: str) -> AsyncIterator[Access]:
    """Who may reach the test's database."""
    connection: Sql = await asyncpg.connect(postgres)
    yield Access(connection, URL(database_url).path.removeprefix("/"))
    await connection.close()


async def test_writes_when_the_database_is_back(
    database_url: str, sql: Sql, access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    """What was counted before, while it is away and after is written when it is back, once."""
    tokens = await tokens_of(sql, 20)

    async def refused() -> bool:
        return "not currently accepting connections" in caplog.text

    async def all_written() -> bool:
        return await verifications(sql) == dict.fromkeys(tokens, 3)

    async with on_database(database_url) as statements, recording(statements, QUICK) as usage:
        for happens in (access.shut, partial(until, refused), access.open):
            for token in tokens:
                usage.count(token, "VALID")
            await happens()
        await until(all_written)
    assert await verifications(sql) == dict.fromkeys(tokens, 3)
    assert "cannot write" not in caplog.text


async def test_counts_once_what_it_writes_again(database_url: str, sql: Sql) -> None:
    """Where the answer is lost nobody knows what was written; it is given again, and not added."""
    tokens = await tokens_of(sql, 20)

    async def all_written() -> bool:
        return not usage.waiting

    async with on_database(database_url, Unheard) as deaf, recording(deaf, QUICK) as usage:
        for token in tokens:
            usage.count(token, "VALID", ["read"])
        await until(all_written)
        usage.count(tokens[0], "VALID")
    assert await verifications(sql) == dict.fromkeys(tokens, 1) | {tokens[0]: 2}


async def test_counts_while_the_database_is_away(
    database_url: str, sql: Sql, access: Access
) -> None:
    """However long that is, no more than the limit waits; what does is written in the end."""
    tokens = await tokens_of(sql, 20)
    async with on_database(database_url) as statements:
        async with recording(statements, QUICK, Usage(limit=10)) as usage:
            await access.shut()
            for _ in range(100):
                for token in tokens:
                    usage.count(token, "VALID")
            assert usage.waiting == 10
            await access.open()
        assert await verifications(sql) == dict.fromkeys(tokens[:10], 100)


async def test_writes_at_the_end(database_url: str, sql: Sql) -> None:
    """What waits when the service stops is written before it has stopped."""
    tokens = await tokens_of(sql, 20)
    async with on_database(database_url) as statements:
        async with recording(statements, NEVER) as usage:
            for token in tokens:
                usage.count(token, "VALID")
        assert await verifications(sql) == dict.fromkeys(tokens, 1)


async def test_ends_without_the_database(
    database_url: str,
    sql: Sql,
    access: Access,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service stops in time while the database is away, and tells of the loss."""
    monkeypatch.setattr(writing, "PATIENCE", 0.2)
    [token] = await tokens_of(sql, 1)
    async with on_database(database_url) as statements:
        async with recording(statements, NEVER) as usage:
            usage.count(token, "VALID")
            await access.shut()
        assert "used for last is lost" in caplog.text
        await access.open()
    assert await verifications(sql) == {}
