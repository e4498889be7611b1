"""Look-ups when the database fails or the service ends: everybody is told, and nothing hangs."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import asyncpg
import pytest

from app.errors import Code, Refusal
from app.lookups import AT_ONCE, MOST
from app.verdicts import Known
from tests.app.listening import Proxy, proxied
from tests.app.lookups import Reader, put, reading
from tests.methods.support import Sql, blocked

Asked = Iterable["asyncio.Task[Known | None]"]


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Reader]:
    """A reader on the test's database."""
    async with reading(database_url) as found:
        yield found


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A way to the test's database that may fail."""
    async with proxied(database_url) as found:
        yield found


async def outcomes(asked: Asked) -> list[str | Code | None]:
    """The names of the tokens found, or with which codes they were refused."""
    async with asyncio.timeout(20):
        found = await asyncio.gather(*asked, return_exceptions=True)
    return [_outcome(each) for each in found]


def _outcome(found: Known | BaseException | None) -> str | Code | None:
    if isinstance(found, Refusal):
        return found.code
    assert not isinstance(found, BaseException)
    return found and found.name


async def test_a_database_out_of_reach(proxy: tuple[Proxy, str], sql: Sql) -> None:
    """Everybody is told so, and as soon as it is back it is asked again."""
    gate, url = proxy
    async with reading(url) as reader:
        secrets = await put(sql, reader.tokens, 50)
        assert await outcomes(reader.ask(secrets[0])) == ["0"]
        gate.refuses = True
        gate.cut()
        assert await outcomes(reader.ask(*secrets)) == [Code.BACKEND_DOWN] * 50
        gate.refuses = False
        assert await outcomes(reader.ask(*secrets)) == [str(n) for n in range(50)]


async def test_an_error_is_that_of_one_question_alone(reader: Reader, sql: Sql) -> None:
    """Of two that are on their way one fails; whoever waits for the other or the next is served."""
    names = [str(n) for n in range(2 * MOST + 50)]
    secrets = await put(sql, reader.tokens, len(names))
    async with sql.transaction():
        await sql.execute("lock table api_tokens")
        asked = reader.ask(*secrets)
        await blocked(sql, AT_ONCE)
        [[pid], *_] = await sql.fetch("select distinct pid from pg_locks where not granted")
        await sql.execute("select pg_terminate_backend($1)", pid)
    found = await outcomes(asked)
    assert found.count(Code.BACKEND_DOWN) == MOST
    assert [name for name, expected in zip(found, names, strict=True) if name == expected] == [
        name for name in found if name is not Code.BACKEND_DOWN
    ]


async def test_a_surprise_is_raised_for_everybody(reader: Reader, sql: Sql) -> None:
    """Whatever it is; nobody waits for ever, and the next question is asked as ever."""
    secrets = await put(sql, reader.tokens, 10)
    await sql.execute("alter table api_tokens rename column role to other")
    found = await asyncio.gather(*reader.ask(*secrets), return_exceptions=True)
    assert {type(each) for each in found} == {asyncpg.UndefinedColumnError}
    await sql.execute("alter table api_tokens rename column other to role")
    assert await outcomes(reader.ask(*secrets)) == [str(n) for n in range(10)]


async def test_the_end_of_the_service_is_told_to_all(reader: Reader, sql: Sql) -> None:
    """To those who are being read and to those who wait; nothing is read from then on."""
    before = asyncio.all_tasks()
    secrets = await put(sql, reader.tokens, AT_ONCE * MOST + 1)
    async with sql.transaction():
        await sql.execute("lock table api_tokens")
        asked = reader.ask(*secrets)
        await blocked(sql, AT_ONCE)
        await reader.lookups.close()
        assert await outcomes(asked) == [Code.SHUTTING_DOWN] * len(secrets)
    assert asyncio.all_tasks() <= before
    assert len(reader.sql.names) == AT_ONCE


@pytest.mark.parametrize("turns", range(5))
async def test_an_end_at_any_moment_hangs_nobody(reader: Reader, turns: int) -> None:
    """Not even those whose reading is just about to begin."""
    asked = reader.ask(reader.tokens.make(), reader.tokens.make())
    for _ in range(turns):
        await asyncio.sleep(0)
    await reader.lookups.close()
    assert await outcomes(asked) in ([Code.SHUTTING_DOWN] * 2, [None] * 2)


async def test_nothing_to_end(reader: Reader) -> None:
    """A service that nobody has asked anything ends, too."""
    await reader.lookups.close()
    assert reader.sql.names == []
