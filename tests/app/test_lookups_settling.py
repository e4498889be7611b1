"""Look-ups of tokens that something is left to be done for: it is done once, in nobody's way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import receipts
from app.errors import Code, Refusal
from app.listener import listening
from app.receipts import Receipts
from tests.app.lookups import Reader, format_of, put, reading
from tests.app.receipts import silent_process
from tests.methods.support import Sql, blocked, events

MANY = 100
END = "_service/end_rotation"
REKEY = "_service/rekey_token"
RETIRED, CURRENT = "retired " * 4, "current " * 4


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Reader]:
    """A reader with two keys, one of them retired, whose database does not wait long for locks."""
    tokens = format_of(CURRENT, RETIRED)
    async with reading(database_url, tokens, statement_timeout=1) as found:
        yield found


def rotating(**columns: Any) -> dict[str, Any]:
    """The columns of tokens whose previous secret works until the new one is used."""
    return {
        "previous_until": datetime.now(UTC) + timedelta(hours=1),
        "previous_until_first_use": True,
        **columns,
    }


async def put_rotating(sql: Sql, reader: Reader) -> tuple[str, str]:
    """The secret before and the new one of a token whose rotation ends when that is used."""
    old = reader.tokens.make()
    previous = {"previous_digest": reader.tokens.digest(old)}
    [new] = await put(sql, reader.tokens, 1, **rotating(**previous))
    return old, new


async def test_a_token_moves_to_the_current_key_once(reader: Reader, sql: Sql) -> None:
    """However many use it at that moment."""
    [secret] = await put(sql, format_of(RETIRED), 1)
    assert await reader.names(*[secret] * MANY) == ["0"] * MANY
    assert reader.sql.names.count(REKEY) == 1
    assert await sql.fetchval("select digest from api_tokens") == reader.tokens.digest(secret)


async def test_who_asks_again_at_once_is_answered(reader: Reader, sql: Sql) -> None:
    """What was left to be done is over then, and nobody joins it any more."""
    [secret] = await put(sql, format_of(RETIRED), 1)
    async with asyncio.timeout(10):
        found = [await reader.find(secret), await reader.find(secret)]
    assert [known and known.name for known in found] == ["0", "0"]


async def test_a_token_works_that_cannot_move(reader: Reader, sql: Sql) -> None:
    """While somebody holds its row, the retired key does as well."""
    [secret] = await put(sql, format_of(RETIRED), 1)
    async with sql.transaction():
        await sql.execute("select from api_tokens for update")
        assert await reader.names(secret) == ["0"]
    assert await reader.names(secret) == ["0"]
    assert await sql.fetchval("select digest from api_tokens") == reader.tokens.digest(secret)


async def test_a_rotation_ends_once(reader: Reader, sql: Sql) -> None:
    """However many use the new secret at that moment; the one before is no token's from then on."""
    old, new = await put_rotating(sql, reader)
    assert await reader.names(old) == ["0"]
    assert await reader.names(*[new] * MANY) == ["0"] * MANY
    assert reader.sql.names.count(END) == 1
    assert len(await events(sql, "api-tokens/rotate")) == 1
    assert await reader.names(old) == [None]


async def test_a_rotation_that_cannot_end(reader: Reader, sql: Sql) -> None:
    """Its new secret does not work yet: the one before would, too. Others are not disturbed."""
    _, stuck = await put_rotating(sql, reader)
    _, other = await put_rotating(sql, reader)
    [plain] = await put(sql, reader.tokens, 1)
    async with sql.transaction():
        await sql.execute(
            "select from api_tokens where digest = $1 for update", reader.tokens.digest(stuck)
        )
        asked = reader.ask(stuck, other, plain)
        assert [known and known.name for known in await asyncio.gather(*asked[1:])] == ["0", "0"]
        with pytest.raises(Refusal) as refused:
            await asked[0]
    assert refused.value.code is Code.BACKEND_DOWN
    assert await reader.names(stuck) == ["0"]


@pytest.mark.parametrize("column", ["enabled", "expires"])
async def test_a_secret_that_is_refused_ends_no_rotation(
    reader: Reader, sql: Sql, column: str
) -> None:
    """A token that is disabled or has expired was not used."""
    old, new = await put_rotating(sql, reader)
    value = {"enabled": "false", "expires": "now()"}[column]
    await sql.execute(f"update api_tokens set {column} = {value}")
    assert await reader.names(new, old) == ["0", "0"]
    assert END not in reader.sql.names


async def test_nobody_else_waits_for_the_end_of_a_rotation(
    database_url: str, unsettled: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take a while until all processes have heard of it; others are looked up meanwhile."""
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 20)
    async with listening(database_url) as listener:
        frozen = await silent_process(unsettled)
        async with reading(database_url, receipts=Receipts(listener)) as reader:
            rotated = [(await put_rotating(unsettled, reader))[1] for _ in range(5)]
            waiting = []
            for number, secret in enumerate(rotated):
                waiting += reader.ask(secret)
                await reader.sql.until_answered(number + 1)
            secrets = await put(unsettled, reader.tokens, 10)
            assert await reader.names(*secrets) == [str(n) for n in range(10)]
            assert not any(task.done() for task in waiting)
            await unsettled.execute("delete from processes where id = $1", frozen)
            assert [known and known.name for known in await asyncio.gather(*waiting)] == ["0"] * 5


async def test_the_end_of_the_service_while_a_rotation_ends(reader: Reader, sql: Sql) -> None:
    """Who waits for it is told; no task stays behind."""
    before = asyncio.all_tasks()
    _, new = await put_rotating(sql, reader)
    async with sql.transaction():
        await sql.execute("select from api_tokens for update")
        [asked] = reader.ask(new)
        await blocked(sql, 1)
        await reader.lookups.close()
        with pytest.raises(Refusal) as refused:
            await asked
    assert refused.value.code is Code.SHUTTING_DOWN
    assert asyncio.all_tasks() <= before
