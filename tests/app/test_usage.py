"""What tokens were used for is written: all of it, once, in nobody's way."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.statements import Statements
from app.usage import Usage, recording, writing
from app.usage.writing import Writer
from tests.app.usage import (
    NEVER,
    NOON,
    QUICK,
    Held,
    last_used,
    on_database,
    tokens_of,
    usage_at,
    verifications,
    write,
    written,
)
from tests.methods.support import Sql, blocked
from tests.support import until

CODES = ("VALID", "VALID", "VALID", "EXPIRED", "DISABLED", "INSUFFICIENT_PERMISSIONS")


@pytest.fixture
async def statements(database_url: str) -> AsyncIterator[Statements]:
    """The statements of one process."""
    async with on_database(database_url) as opened:
        yield opened


# All of it, once


async def test_writes_every_count(statements: Statements, sql: Sql) -> None:
    """Several who count at once, while it is written all the time, lose nothing."""
    tokens = await tokens_of(sql, 30)
    counted: Counter[tuple[str, str]] = Counter()
    granted: Counter[tuple[str, str]] = Counter()

    async def use(seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(1000):
            token, code = chosen.choice(tokens), chosen.choice(CODES)
            names = chosen.sample(["read", "write"], chosen.randrange(3))
            usage.count(token, code, names)
            counted[token, code] += 1
            granted.update((token, name) for name in names if code == "VALID")
            if chosen.random() < 0.05:
                await asyncio.sleep(0)

    async with recording(statements, QUICK, usage_at(NOON)) as usage:
        await asyncio.gather(*map(use, range(8)))
    found = await written(sql)
    for token in tokens:
        row = found[token, NOON.date()]
        of_token = {code: n for (owner, code), n in counted.items() if owner == token}
        assert row["verifications"] == sum(of_token.values())
        assert row["refusals"] == {c: n for c, n in of_token.items() if c != "VALID"}
        assert row["permissions"] == {p: n for (o, p), n in granted.items() if o == token}


async def test_writes_more_than_one_statement_takes(statements: Statements, sql: Sql) -> None:
    """However many tokens were used, all are written."""
    tokens = await tokens_of(sql, 3)
    await sql.execute(
        "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
        " select user_id, n::text, sha256(int4send(n)), 'none', '', '{}'"
        " from api_tokens cross join generate_series(1, $1) n where id = $2",
        2 * writing.MOST_TOKENS,
        UUID(tokens[0]),
    )
    everything = [str(row["id"]) for row in await sql.fetch("select id from api_tokens")]
    await write(statements, usage_at(NOON, *everything))
    assert await verifications(sql) == dict.fromkeys(everything, 1)


async def test_adds_up_day_by_day(statements: Statements, sql: Sql) -> None:
    """What is written later is added to its day, and each day stands by itself."""
    [token] = await tokens_of(sql, 1)
    for hours in (0, 11, 12):
        usage = usage_at(NOON + timedelta(hours=hours))
        usage.count(token, "VALID", ["read"])
        usage.count(token, "EXPIRED")
        await write(statements, usage)
    both = {"verifications": 4, "refusals": {"EXPIRED": 2}, "permissions": {"read": 2}}
    one = {"verifications": 2, "refusals": {"EXPIRED": 1}, "permissions": {"read": 1}}
    assert await written(sql) == {
        (token, date(2026, 11, 24)): both,
        (token, date(2026, 11, 25)): one,
    }


async def test_two_processes_and_deletes_at_once(database_url: str, sql: Sql) -> None:
    """Tokens and users may go while several processes write: no deadlock, no count lost."""
    kept, *doomed = [await tokens_of(sql, 40) for _ in range(7)]
    everything = [token for tokens in (kept, *doomed) for token in tokens]
    counted: Counter[str] = Counter()

    async def process(seed: int) -> None:
        chosen = random.Random(seed)
        async with on_database(database_url) as opened, recording(opened, QUICK / 5) as usage:
            while not deleting.done():
                for token in chosen.sample(everything, 150):
                    usage.count(token, "VALID", ["read"])
                    counted[token] += 1
                await asyncio.sleep(0)

    async def some_written(before: int) -> bool:
        query = "select coalesce(sum(batch), 0) >= $1::bigint + 6 from usage_writers"
        return bool(await sql.fetchval(query, before))

    async def delete() -> None:
        for round_, tokens in enumerate(doomed):
            await until(lambda: some_written(6 * round_))  # noqa: B023 - it is done with at once
            for token in tokens[:10]:
                await sql.execute("delete from api_tokens where id = $1", UUID(token))
            await sql.execute(
                "delete from users where id = (select user_id from api_tokens where id = $1)",
                UUID(tokens[-1]),
            )

    deleting = asyncio.create_task(delete())
    await asyncio.gather(deleting, *map(process, range(3)))
    assert await verifications(sql) == {token: counted[token] for token in kept}
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await sql.fetchval(deadlocks) == 0


async def test_writes_nothing_where_nothing_was_used(statements: Statements, sql: Sql) -> None:
    """A turn with nothing to write asks the database nothing."""
    await write(statements, usage_at(NOON))
    assert await sql.fetchval("select count(*) from usage_writers") == 0


# In nobody's way


async def test_waits_for_nobody(statements: Statements, sql: Sql, database_url: str) -> None:
    """A token that somebody is changing is written later; all others are written now."""
    tokens = await tokens_of(sql, 3)
    usage = usage_at(NOON, *tokens)
    writer = Writer(statements, usage)
    other: Sql = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute("select from api_tokens where id = $1 for update", UUID(tokens[1]))
            await writer.write()
            assert (await verifications(sql)).keys() == {tokens[0], tokens[2]}
    finally:
        await other.close()
    await writer.write()
    assert await verifications(sql) == dict.fromkeys(tokens, 1)


async def test_skips_tokens_that_are_gone(
    statements: Statements, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """What was deleted meanwhile is not written, not kept, and nothing to talk about."""
    one, other = await tokens_of(sql, 2)
    usage = usage_at(NOON, one, other)
    await sql.execute("delete from api_tokens where id = $1", UUID(one))
    await write(statements, usage)
    assert (await verifications(sql), usage.waiting) == ({other: 1}, 0)
    assert not caplog.records


async def test_tells_nobody(statements: Statements, sql: Sql) -> None:
    """That a token was used is no change that other processes would have to hear of."""
    [token] = await tokens_of(sql, 1)
    heard: list[Any] = []
    await sql.add_listener("api_tokens", lambda *told: heard.append(told[-1]))
    await write(statements, usage_at(NOON, token))
    assert await last_used(sql, token) == NOON
    await sql.execute("notify api_tokens, 'the last one'")

    async def all_heard() -> bool:
        return "the last one" in heard

    await until(all_heard)
    assert not [told for told in heard if token in told]


async def test_writes_early_when_much_waits(statements: Statements, sql: Sql) -> None:
    """Where half of the room is taken the writer does not wait for its time."""
    tokens = await tokens_of(sql, 5)

    async def all_written() -> bool:
        return len(await written(sql)) == len(tokens)

    async with recording(statements, NEVER, Usage(limit=10)) as usage:
        for token in tokens:
            usage.count(token, "VALID")
        await until(all_written)


# When something goes wrong


async def test_goes_on_after_an_error(
    statements: Statements, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """What the database has against it is logged; when that is over, everything is written."""
    [token] = await tokens_of(sql, 1)
    await sql.execute("alter table token_usage add constraint broken check (false)")

    async def complained() -> bool:
        return "cannot write what tokens were used for" in caplog.text

    async def all_written() -> bool:
        return bool(await verifications(sql))

    async with recording(statements, QUICK) as usage:
        usage.count(token, "VALID")
        await until(complained)
        usage.count(token, "VALID")
        await sql.execute("alter table token_usage drop constraint broken")
        await until(all_written)
    assert await verifications(sql) == {token: 2}


async def test_ends_in_the_middle_of_a_statement(statements: Statements, sql: Sql) -> None:
    """What is being written when the end comes is written once, and what comes then as well."""
    [token] = await tokens_of(sql, 1)
    tasks = asyncio.all_tasks()
    locked = sql.transaction()
    await locked.start()
    await sql.execute("lock table token_usage in share mode")
    async with recording(statements, QUICK) as usage:
        usage.count(token, "VALID", ["read"])
        await blocked(sql, 1)
        usage.count(token, "EXPIRED")
        freed = asyncio.create_task(locked.rollback())  # once the end has begun
    await freed
    assert asyncio.all_tasks() == tasks
    [row] = (await written(sql)).values()
    assert row == {"verifications": 2, "refusals": {"EXPIRED": 1}, "permissions": {"read": 1}}


@pytest.mark.parametrize("turns", range(8))
async def test_the_end_waits_for_what_is_left(database_url: str, sql: Sql, turns: int) -> None:
    """A token that somebody was changing is written as well, though the end came meanwhile.

    It comes before the answer, after it, or along with it: so many turns of the loop later.
    """
    free, changing = await tokens_of(sql, 2)
    other: Sql = await asyncpg.connect(database_url)
    try:
        change = other.transaction()
        await change.start()
        await other.execute("select from api_tokens where id = $1 for update", UUID(changing))
        async with on_database(database_url, Held) as held:
            assert isinstance(held, Held)
            async with recording(held, QUICK) as usage:
                for token in (free, changing):
                    usage.count(token, "VALID")
                await held.answered.wait()
                assert await verifications(sql) == {free: 1}
                await change.rollback()
                asyncio.get_running_loop().call_soon(held.way.set)
                for _ in range(turns):
                    await asyncio.sleep(0)
    finally:
        await other.close()
    assert await verifications(sql) == {free: 1, changing: 1}


async def test_ends_when_it_was_about_to_write(statements: Statements, sql: Sql) -> None:
    """An end that comes along with the need to write is not missed."""
    [token] = await tokens_of(sql, 1)
    async with asyncio.timeout(10), recording(statements, NEVER, Usage(limit=2)) as usage:
        await asyncio.sleep(0)  # now it waits for its time
        usage.count(token, "VALID")
        assert usage.half_full.is_set()
    assert await verifications(sql) == {token: 1}
