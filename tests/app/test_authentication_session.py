"""A session's secret → who has signed in, for as long as the session lasts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from asyncpg import Connection, Record

from app.authentication import Authenticates
from app.call import Caller
from app.config import Settings
from app.errors import Refusal
from app.key_file import new_key
from app.services import Services, open_services
from app.statements import load
from app.token_format import SESSION_PREFIX, completed, make
from tests.app.support import cut_off_authentication
from tests.methods.support import signed_in
from tests.people import PASSWORD, person
from tests.support import Api, first_token

ENDED = (-32812, "Authorization is required: the session has ended", 401)
WELL_FORMED = completed(SESSION_PREFIX, "a" * 30)
DAY = timedelta(days=1)


@pytest.fixture
async def alice(root: Api) -> Api:
    """The API of a person who has just signed in."""
    await person(root)
    return await signed_in(root, "alice", PASSWORD)


async def caller(api: Api) -> Caller:
    """Who the service takes the bearer of the secret for."""
    assert api.token
    return await api.services.dispatcher.authentication.caller((api.token,))


async def refusal(authentication: Authenticates, secret: str | None) -> tuple[int, str, int]:
    """How a secret is refused."""
    assert secret
    with pytest.raises(Refusal) as caught:
        await authentication.caller((secret,))
    return caught.value.code, caught.value.text, caught.value.status


async def ended(api: Api) -> bool:
    """Whether the session is refused as one that is no more."""
    return await refusal(api.services.dispatcher.authentication, api.token) == ENDED


@pytest.mark.parametrize(
    "secret",
    [
        "session_",
        "session_short",
        "session_" + "0" * 36,
        "session_correct-horse-battery-staple",
        WELL_FORMED[:-1],
        WELL_FORMED + "0",
        WELL_FORMED + "\n",
        WELL_FORMED[:20] + "\0" + WELL_FORMED[21:],
        WELL_FORMED[:20] + "\udcff" + WELL_FORMED[21:],
        "session_" + "x" * 100_000,
    ],
    ids=lambda secret: repr(secret[:30]),
)
async def test_junk_never_reaches_the_database(secret: str) -> None:
    """What cannot be a session is refused without a question to PostgreSQL."""
    cut_off = cut_off_authentication()
    assert await refusal(cut_off, secret) == ENDED
    assert (await refusal(cut_off, WELL_FORMED))[0] == -32814


async def test_an_unknown_session_is_refused(services: Services) -> None:
    """A well-formed secret that was never given out is answered as one that has ended."""
    assert await refusal(services.dispatcher.authentication, make(SESSION_PREFIX)) == ENDED


async def test_a_session_is_its_whole_text(alice: Api) -> None:
    """Another case of it is another secret, and a token's digest opens no session."""
    assert alice.token
    authentication = alice.services.dispatcher.authentication
    swapped = SESSION_PREFIX + alice.token.removeprefix(SESSION_PREFIX).swapcase()
    assert await refusal(authentication, swapped) == ENDED
    body = alice.token.removeprefix(f"{SESSION_PREFIX}_")
    assert (await refusal(authentication, completed("apt", body[:30])))[0] == -32815


async def test_a_token_is_no_session(root: Api, sql: "Connection[Record]") -> None:
    """Neither table is asked for what belongs in the other, whatever stands there."""
    secret = make(SESSION_PREFIX)
    [digest] = root.services.dispatcher.tokens.session_digests(secret)
    await sql.execute("update api_tokens set digest = $1", digest)
    assert await refusal(root.services.dispatcher.authentication, secret) == ENDED


async def test_tells_who_has_signed_in(alice: Api) -> None:
    """The user, the session, and all that they hold; no token."""
    found = await caller(alice)
    assert (found.user_name, found.token_id, found.barred) == ("alice", None, None)
    assert found.session_id == (await alice("session/read"))["session"]["id"]
    assert found.permissions == {"read": True, "write": True}


async def test_a_disabled_user_is_barred(alice: Api, sql: "Connection[Record]") -> None:
    """The caller is known all the same, and told why."""
    await sql.execute("update users set enabled = false where name = 'alice'")
    barred = (await caller(alice)).barred
    assert barred
    assert (barred.code, barred.status) == (-32813, 403)
    assert barred.text == "Session is disabled: the user is disabled"


async def test_a_session_works_while_the_api_is_disabled(
    root: Api, alice: Api, sql: "Connection[Record]"
) -> None:
    """Somebody has to be able to enable it again; tokens are refused."""
    await sql.execute("update settings set api_enabled = false")
    assert (await root.refusal("session/read")).code == -32813
    assert (await alice("session/read"))["user"]["name"] == "alice"
    assert await signed_in(root, "alice", PASSWORD)


@pytest.mark.parametrize(
    "change",
    [
        "delete from sessions",
        "delete from users where name = 'alice'",
        "update sessions set expires = now()",
        "update sessions set expires = '-infinity'",
        "update users set session_epoch = session_epoch + 1",
        "update sessions set epoch = epoch + 1",
        "update sessions set created = now() - interval '30 days'",
    ],
)
async def test_what_has_ended_is_refused(
    alice: Api, sql: "Connection[Record]", change: str
) -> None:
    """By time, by its user's other sessions all ending, or by being deleted: one answer."""
    await sql.execute(change)
    assert await ended(alice)


async def test_a_new_password_ends_every_session(root: Api, alice: Api) -> None:
    """Whoever had the old one is out, and the user signs in again."""
    other = await signed_in(root, "alice", PASSWORD)
    await root("users/set-password", (await caller(alice)).user_id, "another battery of hers")
    assert await ended(alice)
    assert await ended(other)
    again = await signed_in(root, "alice", "another battery of hers")
    assert (await caller(again)).user_name == "alice"


# How long it lasts


async def lasts(sql: "Connection[Record]") -> timedelta:
    """How long the one session still lasts, to the minute."""
    left = await sql.fetchval("select expires - now() from sessions")
    assert isinstance(left, timedelta)
    return timedelta(minutes=round(left / timedelta(minutes=1)))


async def test_lasts_seven_days_unused(alice: Api, sql: "Connection[Record]") -> None:
    """And is good to its last moment."""
    assert await lasts(sql) == 7 * DAY
    await sql.execute("update sessions set expires = now() + interval '1 minute'")
    assert (await caller(alice)).user_name == "alice"


@pytest.mark.parametrize(
    ("age", "left", "expected"), [(3, 4, 7), (6, 1, 7), (22, 1, 7), (24, 1, 6), (29, 0.5, 1)]
)
async def test_goes_on_while_it_is_used(
    alice: Api, sql: "Connection[Record]", age: float, left: float, expected: float
) -> None:
    """Each use gives it seven days more, but never more than thirty in all."""
    await sql.execute(
        "update sessions set created = now() - $1::interval, expires = now() + $2::interval",
        age * DAY,
        left * DAY,
    )
    await caller(alice)
    assert await lasts(sql) == expected * DAY


@pytest.mark.parametrize(
    ("age", "left", "written"),
    [
        ("1 hour", "6 days 23 hours", False),
        ("2 hours", "6 days 22 hours", True),
        ("29 days", "1 day", False),
        ("29 days 23 hours", "1 hour", False),
    ],
)
async def test_is_written_now_and_then(
    alice: Api, sql: "Connection[Record]", age: str, left: str, written: bool
) -> None:
    """Only when there is a hundredth of the idle time to gain: a use is mostly a read."""
    await sql.execute(
        "update sessions set created = now() - $1::text::interval,"
        " expires = now() + $2::text::interval",
        age,
        left,
    )
    row = "select ctid::text, expires from sessions"
    before = await sql.fetchrow(row)
    await caller(alice)
    assert (await sql.fetchrow(row) != before) is written


async def test_many_uses_at_once_go_well(alice: Api, sql: "Connection[Record]") -> None:
    """When several calls find it due, each is answered and it is prolonged all the same."""
    await sql.execute("update sessions set expires = now() + interval '1 day'")
    found = await asyncio.gather(*(caller(alice) for _ in range(8)))
    assert {each.user_name for each in found} == {"alice"}
    assert await lasts(sql) == 7 * DAY


# What an operator sets


@pytest.fixture
async def before(settings: Settings, sql: "Connection[Record]") -> AsyncIterator[Api]:
    """The API of a person who signed in when all was set as it is by default."""
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        await person(root)
        yield await signed_in(root, "alice", PASSWORD)


async def test_lasts_as_long_as_an_operator_says(
    settings: Settings, sql: "Connection[Record]"
) -> None:
    """Unused, and no longer than at most."""
    for idle, limit, expected in ((3600, 7200, 3600), (3600, 60, 60)):
        given = replace(settings, session_idle=idle, session_limit=limit)
        async with open_services(given, serving=True) as services:
            if not await sql.fetchval("select count(*) from users"):
                await person(Api(services, await first_token(services)))
            await signed_in(Api(services, None), "alice", PASSWORD)
        assert await lasts(sql) == timedelta(seconds=expected)
        await sql.execute("delete from sessions")


async def test_a_shorter_limit_ends_older_sessions(
    before: Api, settings: Settings, sql: "Connection[Record]"
) -> None:
    """An operator who shortens sessions does not wait for those of before."""
    await sql.execute("update sessions set created = now() - interval '2 hours'")
    given = replace(settings, session_limit=3600)
    async with open_services(given, serving=True) as services:
        assert await ended(replace(before, services=services))


async def test_a_retired_key_ends_no_session(settings: Settings) -> None:
    """A session goes on while the key it was made under is among the keys, and no longer."""
    old, new = new_key(), new_key()
    async with open_services(replace(settings, key=old), serving=True) as services:
        root = Api(services, await first_token(services))
        await person(root)
        alice = await signed_in(root, "alice", PASSWORD)
    async with open_services(replace(settings, key=f"{new},{old}"), serving=True) as services:
        assert (await caller(replace(alice, services=services))).user_name == "alice"
        later = await signed_in(Api(services, None), "alice", PASSWORD)
    async with open_services(replace(settings, key=new), serving=True) as services:
        assert await ended(replace(alice, services=services))
        assert (await caller(replace(later, services=services))).user_name == "alice"


async def test_a_session_is_found_by_an_index(services: Services) -> None:
    """A plan made while the tables are small is one that serves when they have grown."""
    statement = load()["_service/authenticate_session"]
    given = [[b"digest"], DAY, DAY, {}]
    async with services.database.connection() as connection:
        plan = await connection.fetch(f"explain {statement.text}", *given)
    assert not [line for (line,) in plan if "Seq Scan" in line]
