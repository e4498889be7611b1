"""Look-ups: many at once are few statements, and nobody is told what was before a change."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from app.errors import Code, Refusal
from app.lookups import AT_ONCE, MOST, MOST_READINGS
from tests.app.lookups import FIND, OTHERWISE, Reader, put, reading
from tests.app.verifying import NOON
from tests.methods.support import Sql

MANY = 1000


async def turns() -> None:
    """Let everybody go on who can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Reader]:
    """A reader on the test's database."""
    async with reading(database_url) as found:
        yield found


async def test_finds_a_token(reader: Reader, sql: Sql) -> None:
    """All that a verification needs, in one statement."""
    times = {"created": NOON, "expires": datetime(2050, 1, 1, tzinfo=UTC)}
    columns = {"role": "analyst", "permissions": '{"write": true, "read": true, "admin": true}'}
    [secret] = await put(sql, reader.tokens, 1, **columns, **times)
    known = await reader.find(secret)
    [row] = await sql.fetch(
        "select t.id, u.id as user_id, u.name from api_tokens t join users u on u.id = t.user_id"
    )
    assert known
    assert known._asdict() == {
        "token_id": str(row["id"]),
        "user_id": str(row["user_id"]),
        "user_name": row["name"],
        "name": "0",
        "role": "analyst",
        "scope": "read write",
        "bar": None,
        "until": None,
        "read_at": 0,
        **times,
    }
    assert reader.sql.names == [FIND]


async def test_one_unknown_token_for_many_is_one_question(reader: Reader) -> None:
    """Of each kind: whoever floods the service with one token does not reach the database."""
    found = await reader.names(*[reader.tokens.make()] * MANY)
    assert found == [None] * MANY
    assert reader.sql.names == [FIND, OTHERWISE]
    assert reader.sql.sizes == [1, 1]


async def test_many_tokens_are_few_questions(reader: Reader, sql: Sql) -> None:
    """Each for as many as one takes, and everybody gets their own."""
    secrets = await put(sql, reader.tokens, 2 * MOST + 1)
    assert await reader.names(*secrets) == [str(n) for n in range(2 * MOST + 1)]
    assert reader.sql.sizes == [MOST, MOST, 1]
    assert reader.sql.most_running == AT_ONCE


async def test_who_asks_while_others_are_read_waits_for_the_next(reader: Reader, sql: Sql) -> None:
    """No more than two questions are on their way at any time; all who wait share the next."""
    secrets = await put(sql, reader.tokens, 50)
    reader.sql.way.clear()
    asked = []
    for number, secret in enumerate(secrets):
        asked += reader.ask(secret)
        await turns()
        await reader.sql.until_answered(min(number + 1, AT_ONCE))
    reader.sql.way.set()
    assert [known and known.name for known in await asyncio.gather(*asked)] == [
        str(n) for n in range(50)
    ]
    assert reader.sql.sizes == [1, 1, 48]


async def test_known_and_unknown_ones_at_once(reader: Reader, sql: Sql) -> None:
    """Those that are stored under no current digest are one more question for all."""
    [secret] = await put(sql, reader.tokens, 1)
    made = [reader.tokens.make() for _ in range(9)]
    assert await reader.names(secret, *made) == ["0", *[None] * 9]
    assert reader.sql.names == [FIND, OTHERWISE]
    assert reader.sql.sizes == [10, 9]


async def test_what_was_found_is_remembered(reader: Reader, sql: Sql) -> None:
    """And what was not."""
    [secret], other = await put(sql, reader.tokens, 1), reader.tokens.make()
    known, _ = await asyncio.gather(*reader.ask(secret, other))
    assert reader.cache.get(secret.encode()) == known
    assert reader.cache.is_missing(other.encode())


async def test_works_without_memory(database_url: str, sql: Sql) -> None:
    """Then every call asks."""
    async with reading(database_url, limit=0) as reader:
        secrets = await put(sql, reader.tokens, 1)
        assert await reader.names(*secrets) == await reader.names(*secrets) == ["0"]
        assert reader.sql.names == [FIND, FIND]


CHANGES = {
    "token": ("update api_tokens set name = 'new'", "api_tokens", "token_id"),
    "user": ("update users set name = 'new'", "users", "user_id"),
    "deletion": ("delete from api_tokens", "api_tokens", "token_id"),
    "settings": ("update settings set api_enabled = false", "settings", None),
}


@pytest.mark.parametrize(("statement", "table", "whose"), CHANGES.values(), ids=CHANGES)
async def test_nobody_is_told_what_was_before_a_change(
    reader: Reader, sql: Sql, statement: str, table: str, whose: str | None
) -> None:
    """Neither who asked before it was heard nor who joined after: the reading is repeated."""
    [secret] = await put(sql, reader.tokens, 1)
    before = await reader.find(secret)
    assert before
    reader.sql.way.clear()
    asked = reader.ask(secret)
    await reader.sql.until_answered(2)
    await sql.execute(statement)
    reader.heard(table, *([getattr(before, whose)] if whose else []))
    asked += reader.ask(secret)
    reader.sql.way.set()
    found = await asyncio.gather(*asked)
    assert len({*found}) == 1
    assert found[0] != before
    assert found[0] is None or found[0].read_at == reader.cache.position
    assert reader.sql.names.count(FIND) == 3


@pytest.mark.parametrize("is_heard", [True, False], ids=["heard", "made here"])
async def test_a_token_made_while_it_is_looked_for_is_found(
    reader: Reader, sql: Sql, is_heard: bool
) -> None:
    """By everybody who asked, before or after."""
    secret = reader.tokens.make()
    reader.sql.way.clear()
    asked = reader.ask(secret)
    await reader.sql.until_answered(1)
    reader.sql.let_pass()
    await reader.sql.until_answered(2)
    await put(sql, reader.tokens, 1, digest=reader.tokens.digest(secret))
    if is_heard:
        reader.heard("api_tokens", "any", action="create")
    else:
        reader.cache.made()
    asked += reader.ask(secret)
    reader.sql.way.set()
    assert [known and known.name for known in await asyncio.gather(*asked)] == ["0", "0"]


async def test_a_cancelled_caller_disturbs_nobody(reader: Reader, sql: Sql) -> None:
    """The others get their answer; nobody asks again for that."""
    [secret] = await put(sql, reader.tokens, 1)
    reader.sql.way.clear()
    first, second, third = reader.ask(secret, secret, secret)
    await reader.sql.until_answered(1)
    first.cancel()
    reader.sql.way.set()
    assert await second == await third
    assert first.cancelled()
    assert reader.sql.names == [FIND]


async def test_when_all_callers_are_cancelled_it_goes_on(reader: Reader, sql: Sql) -> None:
    """What was read for them serves the next."""
    [secret] = await put(sql, reader.tokens, 1)
    reader.sql.way.clear()
    asked = reader.ask(secret, secret)
    await reader.sql.until_answered(1)
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)
    asked = reader.ask(secret)
    await asyncio.sleep(0)
    reader.sql.way.set()
    assert [known and known.name for known in await asyncio.gather(*asked)] == ["0"]
    assert reader.sql.names == [FIND]


async def test_a_token_that_changes_all_the_time(
    reader: Reader, sql: Sql, changing: Callable[[int], None]
) -> None:
    """Whoever asks for it is told to come back, and never what is not true."""
    [secret] = await put(sql, reader.tokens, 1)
    changing(MOST_READINGS)
    with pytest.raises(Refusal) as refused:
        await reader.find(secret)
    assert (refused.value.code, refused.value.text) == (Code.BACKEND_DOWN, "Backend is busy")
    assert len(reader.sql.names) == MOST_READINGS
    assert reader.cache.get(secret.encode()) is None


async def test_a_token_that_comes_to_rest(
    reader: Reader, sql: Sql, changing: Callable[[int], None]
) -> None:
    """As soon as it does it is answered, however late."""
    [secret] = await put(sql, reader.tokens, 1)
    changing(MOST_READINGS - 1)
    known = await reader.find(secret)
    assert known
    assert known.read_at == reader.cache.position == MOST_READINGS - 1


@pytest.fixture
def changing(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets everything change whenever something was read, so many times."""

    def change(times: int) -> None:
        real = reader.sql.rows

        async def rows(*arguments: object) -> object:
            found = await real(*arguments)  # type: ignore[arg-type]  # as they came
            if reader.sql.answered <= times:
                reader.cache.missed()
            return found

        monkeypatch.setattr(reader.sql, "rows", rows)

    return change


async def test_without_a_lease_nothing_on_its_way_is_shared(reader: Reader, sql: Sql) -> None:
    """Nobody would hear of a change since: each call reads for itself, and gets what is so now."""
    [secret] = await put(sql, reader.tokens, 1)
    reader.hearing.lease = 0
    reader.sql.way.clear()
    before = reader.ask(secret)
    await reader.sql.until_answered(1)
    await sql.execute("update api_tokens set name = 'new'")
    after = reader.ask(secret, secret)
    await reader.sql.until_answered(2)
    reader.sql.way.set()
    assert [known and known.name for known in await asyncio.gather(*before, *after)] == [
        "0",
        "new",
        "new",
    ]
    assert reader.sql.names == [FIND, FIND]


async def test_a_lease_that_ends_on_the_way(reader: Reader, sql: Sql) -> None:
    """What was shared while changes were heard is read again when they are not any more."""
    [secret] = await put(sql, reader.tokens, 1)
    reader.sql.way.clear()
    asked = reader.ask(secret)
    await reader.sql.until_answered(1)
    await sql.execute("update api_tokens set name = 'new'")
    joined = reader.ask(secret)
    await asyncio.sleep(0)
    reader.hearing.lease = 0
    reader.sql.way.set()
    assert [known and known.name for known in await asyncio.gather(*joined)] == ["new"]
    await asyncio.gather(*asked)


async def test_leaves_no_task_behind(reader: Reader, sql: Sql) -> None:
    """When all are answered."""
    before = asyncio.all_tasks()
    await reader.names(*await put(sql, reader.tokens, 10), reader.tokens.make())
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
