"""When tokens were last used, and what is forgotten of how they were."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from app.statements import Statements
from app.usage import recording, writing
from tests.app.usage import NOON, QUICK, last_used, on_database, tokens_of, usage_at, write, written
from tests.methods.support import Sql
from tests.support import until


@pytest.fixture
async def statements(database_url: str) -> AsyncIterator[Statements]:
    """The statements of one process."""
    async with on_database(database_url) as opened:
        yield opened


async def test_notes_the_last_use(statements: Statements, sql: Sql) -> None:
    """A token that was used has a time for it; one that was only refused has none."""
    one, other = await tokens_of(sql, 2)
    await write(statements, usage_at(NOON, one))
    await write(statements, usage_at(NOON, other, code="EXPIRED"))
    assert (await last_used(sql, one), await last_used(sql, other)) == (NOON, None)


@pytest.mark.parametrize(
    ("seconds", "is_moved"), [(-3600, False), (59, False), (61, True), (86_400, True)]
)
async def test_the_last_use_is_written_once_a_minute(
    statements: Statements, sql: Sql, seconds: int, is_moved: bool
) -> None:
    """It goes on by a minute or more and never back; the day's own is exact."""
    [token] = await tokens_of(sql, 1)
    later = NOON + timedelta(seconds=seconds)
    for moment in (NOON, later):
        await write(statements, usage_at(moment, token))
    assert await last_used(sql, token) == (later if is_moved else NOON)
    exact = await sql.fetchval("select max(last_used) from token_usage")
    assert exact == max(NOON, later)


@pytest.mark.parametrize(("most", "minutes"), [((0, 100), 60), ((0, 0), 7 * 24 * 60)])
async def test_the_last_use_is_written_less_often_under_load(
    statements: Statements,
    sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
    most: tuple[int, int],
    minutes: int,
) -> None:
    """Where many tokens wait it goes on by an hour or more, where very many do by a week."""
    precisions = zip(most, (60.0, 3600.0), strict=True)
    monkeypatch.setattr(writing, "PRECISIONS", [*precisions])
    [token] = await tokens_of(sql, 1)
    for after, expected in ((0, 0), (minutes - 1, 0), (minutes + 1, minutes + 1)):
        await write(statements, usage_at(NOON + timedelta(minutes=after), token))
        assert await last_used(sql, token) == NOON + timedelta(minutes=expected)


async def test_a_clock_set_back_takes_nothing_away(statements: Statements, sql: Sql) -> None:
    """Uses count for the day that the clock tells; the last use stays the latest."""
    [token] = await tokens_of(sql, 1)
    for days in (0, -1, 0):
        await write(statements, usage_at(NOON + timedelta(days=days), token))
    assert {day.day: n["verifications"] for (_, day), n in (await written(sql)).items()} == {
        24: 2,
        23: 1,
    }
    assert await last_used(sql, token) == NOON


# What is long past


async def test_forgets_what_is_long_past(
    statements: Statements, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days older than 400 go, some at a time; those that are not stay."""
    monkeypatch.setattr(writing, "MOST_FORGOTTEN", 7)
    [token] = await tokens_of(sql, 1)
    await sql.execute(
        "insert into token_usage (token_id, day, verifications)"
        " select $1, (now() at time zone 'UTC')::date - n, 1 from generate_series(380, 450) n",
        UUID(token),
    )

    async def all_gone() -> bool:
        return bool(await sql.fetchval("select count(*) = 21 from token_usage"))

    async with recording(statements, QUICK):
        await until(all_gone)
    ages = "select (now() at time zone 'UTC')::date - min(day) from token_usage"
    assert await sql.fetchval(ages) == 400


async def test_forgets_processes_that_are_gone(statements: Statements, sql: Sql) -> None:
    """What a process has written last is not kept for ever."""
    await sql.execute(
        "insert into usage_writers select uuid_v7(), 1, now() - n * interval '10 days'"
        " from generate_series(0, 5) n"
    )

    async def forgotten() -> bool:
        return bool(await sql.fetchval("select count(*) = 3 from usage_writers"))

    async with recording(statements, QUICK):
        await until(forgotten)
