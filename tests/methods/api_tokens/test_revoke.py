from typing import Any, Final

import pytest

from app.token_format import make
from tests.conftest import MemberMaker
from tests.methods.support import Sql, works
from tests.support import Api

REVOKE: Final = "api-tokens/revoke"


async def events(sql: Sql) -> list[dict[str, Any]]:
    """What the audit trail has of revocations."""
    rows = await sql.fetch(
        "select actor_user::text as user, actor_token = target as own, details::text"
        " from audit_events where action = 'api-tokens/revoke'"
    )
    return [dict(row) for row in rows]


async def test_ends_a_token(root: Api) -> None:
    """Whoever holds it may; nothing else is needed."""
    made = await root("api-tokens/create", "ci")
    assert await root.bearing(None)(REVOKE, made["token"]) is None
    assert not await works(root, made["token"])
    assert (await root.refusal("api-tokens/read", {"id": made["id"]})).code == 404


async def test_tells_when_every_process_knows(root: Api) -> None:
    """As every revocation does."""
    made = await root("api-tokens/create", "ci")
    answer = await root.success(REVOKE, made["token"])
    assert answer.meta["propagated"]["processes"] == 1


@pytest.mark.parametrize("token", ["", "junk", make("apt"), "x" * 100_000], ids=lambda t: t[:3])
async def test_does_not_tell_whether_there_was_one(root: Api, token: str) -> None:
    """And asks nobody to take note of nothing."""
    answer = await root.bearing(None).success(REVOKE, token)
    assert (answer.data, answer.meta) == (None, {})


async def test_a_session_is_not_ended(root: Api) -> None:
    """It is no token."""
    assert await root(REVOKE, make("session")) is None


async def test_a_second_time_nothing_happens(root: Api, sql: Sql) -> None:
    """It was ended once."""
    made = await root("api-tokens/create", "ci")
    for _ in range(2):
        await root(REVOKE, made["token"])
    assert len(await events(sql)) == 1


async def test_is_recorded_as_its_own_doing(root: Api, sql: Sql, member: MemberMaker) -> None:
    """Nobody knows who held it."""
    alice = await member("alice")
    user = await sql.fetchval("select id from users where name = 'alice'")
    await root(REVOKE, alice.token)
    [event] = await events(sql)
    assert (event["user"], event["own"]) == (str(user), True)
    assert '"secret": "current"' in event["details"]


@pytest.mark.parametrize(
    "change",
    [
        "update api_tokens set enabled = false where name = 'ci'",
        "update api_tokens set expires = now() where name = 'ci'",
        "update settings set api_enabled = false",
    ],
)
async def test_ends_what_may_not_be_used(root: Api, sql: Sql, change: str) -> None:
    """A token that was disabled may be enabled again: its holder can prevent that."""
    made = await root("api-tokens/create", "ci")
    await sql.execute(change)
    await root.bearing(None)(REVOKE, made["token"])
    assert await sql.fetchval("select count(*) from api_tokens where name = 'ci'") == 0


async def test_an_old_secret_ends_alone(root: Api, sql: Sql) -> None:
    """Who finds one that was replaced cannot put out what has replaced it."""
    made = await root("api-tokens/create", "ci")
    rotated = await root("api-tokens/rotate", made["id"], {"grace": "1h"})
    await root(REVOKE, made["token"])
    assert (await works(root, made["token"]), await works(root, rotated["token"])) == (False, True)
    [event] = await events(sql)
    assert '"secret": "previous"' in event["details"]


async def test_the_new_secret_ends_both(root: Api) -> None:
    """The token is gone."""
    made = await root("api-tokens/create", "ci")
    rotated = await root("api-tokens/rotate", made["id"], {"grace": "1h"})
    await root(REVOKE, rotated["token"])
    assert not await works(root, made["token"])
    assert not await works(root, rotated["token"])


async def test_other_tokens_stay(root: Api) -> None:
    """Nobody else notices."""
    made = [await root("api-tokens/create", "ci") for _ in range(2)]
    await root(REVOKE, made[0]["token"])
    assert await works(root, made[1]["token"])
