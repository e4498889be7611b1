from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from app.call import Result, Success
from app.config import Settings
from app.services import open_services
from tests.methods.support import Sql, events
from tests.people import PASSWORD, attempt, person, record_work
from tests.support import Api, first_token

NAME_LIMIT, ADDRESS_LIMIT = 2, 4
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
async def strict(settings: Settings) -> AsyncIterator[Api]:
    """The API of a service that soon has enough of attempts, with a person alice."""
    limited = replace(
        settings,
        sign_in_attempts=NAME_LIMIT,
        sign_in_address_attempts=ADDRESS_LIMIT,
        pool_wait=0.05,
    )
    async with open_services(limited, serving=True) as services:
        api = Api(services, await first_token(services))
        await person(api)
        yield api


def code(answer: Result) -> int:
    """How an attempt was answered."""
    return 200 if isinstance(answer, Success) else int(answer.code)


async def exhaust(api: Api, name: str = "alice", address: str = HERE) -> None:
    """Fail as often to this name as one may."""
    for _ in range(NAME_LIMIT):
        assert code(await attempt(api, name, "wrong", address)) == -32812


async def test_limits_the_attempts_to_one_name(strict: Api) -> None:
    """From wherever they come; and the right password does not help any more."""
    await exhaust(strict)
    for address, password in ((HERE, "wrong"), (THERE, "wrong"), (THERE, PASSWORD)):
        answer = await attempt(strict, "alice", password, address)
        assert code(answer) == -32802
        assert 0 < getattr(answer, "retry_after", 0) <= 60


async def test_limits_the_attempts_from_one_address(strict: Api) -> None:
    """To however many names, whether there is anybody of that name or not."""
    for number in range(ADDRESS_LIMIT):
        assert code(await attempt(strict, f"nobody {number}", "wrong", HERE)) == -32812
    answer = await attempt(strict, "alice", PASSWORD, HERE)
    assert code(answer) == -32802
    assert 0 < getattr(answer, "retry_after", 0) <= 10
    assert code(await attempt(strict, "alice", PASSWORD, THERE)) == 200


async def test_a_name_that_nobody_has_is_limited_too(strict: Api) -> None:
    """Otherwise the limit would tell who is there."""
    await exhaust(strict, "nobody")
    assert code(await attempt(strict, "nobody", "wrong", THERE)) == -32802


async def test_neighbours_count_as_one_address(strict: Api) -> None:
    """Who has a network of IPv6 addresses has no more attempts than others."""
    for number in range(ADDRESS_LIMIT):
        answer = await attempt(strict, f"nobody {number}", "wrong", f"2001:db8::{number}")
        assert code(answer) == -32812
    assert code(await attempt(strict, "alice", PASSWORD, "2001:db8::ffff:1")) == -32802
    assert code(await attempt(strict, "alice", PASSWORD, "2001:db8:0:1::1")) == 200


async def test_success_takes_no_attempt_away(strict: Api) -> None:
    """However often one signs in, one may still mistype as often as before."""
    for _ in range(ADDRESS_LIMIT + 1):
        assert code(await attempt(strict, "alice", PASSWORD, HERE)) == 200
    await exhaust(strict)


async def test_a_disabled_user_who_knows_the_password_does_not_guess(strict: Api, sql: Sql) -> None:
    """They are told why for as often as they ask."""
    await sql.execute("update users set enabled = false where name = 'alice'")
    for _ in range(NAME_LIMIT + 1):
        assert code(await attempt(strict, "alice", PASSWORD, HERE)) == -32813


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_a_refused_attempt_costs_nothing(
    strict: Api, sql: Sql, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """No hash, no statement and no row: a flood of attempts becomes none of work."""
    await exhaust(strict)
    done = record_work(monkeypatch)
    assert code(await attempt(strict, "alice", password, HERE)) == -32802
    assert done == []
    assert len(await events(sql, "session/sign-in")) == NAME_LIMIT


async def test_sessions_go_on_meanwhile(strict: Api) -> None:
    """Who tries to guess a password does not disturb who has signed in."""
    made = await attempt(strict, "alice", PASSWORD, HERE)
    assert isinstance(made, Success)
    await exhaust(strict)
    assert await strict.bearing(made.data["token"])("session/read")


async def test_an_outage_takes_no_attempt_away(strict: Api) -> None:
    """Where nobody could tell whether the password was right, nobody has guessed."""
    async with AsyncExitStack() as every:
        for _ in range(strict.services.settings.database_connections):
            await every.enter_async_context(strict.services.database.connection())
        for _ in range(ADDRESS_LIMIT + 1):
            assert code(await attempt(strict, "alice", PASSWORD, HERE)) == -32814
    assert code(await attempt(strict, "alice", PASSWORD, HERE)) == 200
