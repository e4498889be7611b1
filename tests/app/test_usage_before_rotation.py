"""What the secret before a rotation is used for is told apart, as long as it works."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from app.config import Settings
from app.services import open_services
from app.statements import Statements
from app.usage import Usage
from tests.app.usage import NOON, on_database, tokens_of, write
from tests.methods.support import Sql, bearer, moment
from tests.support import Api, first_token, until


@pytest.fixture
async def statements(database_url: str) -> AsyncIterator[Statements]:
    """The statements of one process."""
    async with on_database(database_url) as opened:
        yield opened


async def previous(sql: Sql, token_id: str) -> dict[date, tuple[int, datetime | None]]:
    """Uses of a token by the secret before on each day, and the last."""
    rows = await sql.fetch(
        "select day, previous, previous_last_used from token_usage where token_id::text = $1",
        token_id,
    )
    return {day: (count, last) for day, count, last in rows}


async def use(statements: Statements, after: timedelta, token_id: str, *by: bool) -> None:
    """Write what was counted at one moment: uses by the secret before, or not."""
    usage = Usage((NOON + after).timestamp)
    for by_previous in by:
        usage.count(token_id, "VALID", by_previous=by_previous)
    await write(statements, usage)


async def test_adds_up_uses_of_the_secret_before(statements: Statements, sql: Sql) -> None:
    """They are added to their day, and the last one stays the latest; others add nothing."""
    one, other = await tokens_of(sql, 2)
    minute = timedelta(minutes=1)
    for after, *by in (
        (minute, True, False, True),
        (timedelta(), True),
        (2 * minute, False),
        (1440 * minute, False),
    ):
        await use(statements, after, one, *by)
    await use(statements, minute, other, False)
    next_day = NOON.date() + timedelta(days=1)
    assert await previous(sql, one) == {NOON.date(): (3, NOON + minute), next_day: (0, None)}
    assert await previous(sql, other) == {NOON.date(): (0, None)}


async def test_begins_on_a_day_that_had_none(statements: Statements, sql: Sql) -> None:
    """A token that is rotated in the middle of a day has uses by either secret on it."""
    [token] = await tokens_of(sql, 1)
    await use(statements, timedelta(), token, False)
    await use(statements, timedelta(hours=1), token, True)
    assert await previous(sql, token) == {NOON.date(): (1, NOON + timedelta(hours=1))}


async def used_after_a_rotation(root: Api) -> tuple[str, Any]:
    """When a token was rotated, and how it was used: once before, then by either secret."""
    old = await bearer(root, read=True)
    token_id = await old.token_id()
    made = await root("api-tokens/rotate", token_id, {"grace": "1h"})
    for secret in (old.token, made["token"], made["token"]):
        await root("api-tokens/verify", secret)
    await old.refusal("users/read")

    async def usage() -> Any:
        return await root("api-tokens/get-usage", token_id)

    async def all_written() -> bool:
        days = (await usage())["days"]
        return bool(days and days[0]["verifications"] >= 5)

    await until(all_written)
    return made["updated"], await usage()


async def test_tells_who_still_has_the_secret_before(settings: Settings) -> None:
    """Calls and verifications by it count by themselves while the grace lasts."""
    settings = replace(settings, usage_interval=0.01)
    async with open_services(settings, serving=True) as services:
        rotated, usage = await used_after_a_rotation(Api(services, await first_token(services)))
    assert [(day["verifications"], day["previous"]) for day in usage["days"]] == [(5, 2)]
    assert moment(usage["previous_last_used"]) >= moment(rotated)


async def test_forgets_the_secret_before_with_the_next_rotation(settings: Settings) -> None:
    """After another rotation nobody has used the secret that was the new one until then."""
    settings = replace(settings, usage_interval=0.01)
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        _, usage = await used_after_a_rotation(root)
        await root("api-tokens/rotate", usage["token_id"], {"grace": "1h"})
        after = await root("api-tokens/get-usage", usage["token_id"])
    assert (after["previous_last_used"], after["days"][0]["previous"]) == (None, 2)
