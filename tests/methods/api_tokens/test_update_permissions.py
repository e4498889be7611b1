import asyncio

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    EVERYTHING,
    Sql,
    bearer,
    blocked,
)
from tests.support import Api

NOTHING = dict.fromkeys(EVERYTHING, False)


async def test_merges(root: Api) -> None:
    """What is not named stays as it is; the answer is the map now in effect."""
    made = await root("api-tokens/create", "ci", {"permissions": {"read": True, "write": True}})
    wanted = {"write": False, "verify": True}
    permissions = await root("api-tokens/update-permissions", made["id"], wanted)
    assert permissions == {"read": True, "write": False, "admin": False, "verify": True}
    assert permissions == await root("api-tokens/get-permissions", made["id"])


@pytest.mark.parametrize("wanted", [{"write": True}, {}])
async def test_clears_the_role(root: Api, wanted: dict[str, bool]) -> None:
    """The preset's permissions stay, its name does not: they may differ from now on."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    await root("api-tokens/update-permissions", made["id"], wanted)
    row = await root("api-tokens/read", {"id": made["id"]})
    assert (row["role"], row["permissions"]) == (None, {"read": True, **wanted})


async def test_changes_nothing_for_an_empty_map(root: Api) -> None:
    """An empty map leaves every permission as it is."""
    made = await root("api-tokens/create", "ci", {"permissions": EVERYTHING})
    assert await root("api-tokens/update-permissions", made["id"], {}) == EVERYTHING


async def test_takes_everything_away(root: Api) -> None:
    """A map of nothing but false leaves a token that may do nothing."""
    made = await root("api-tokens/create", "ci", {"permissions": EVERYTHING})
    assert await root("api-tokens/update-permissions", made["id"], NOTHING) == NOTHING


async def test_takes_effect_at_once(root: Api) -> None:
    """The very next call of the token is permitted or refused accordingly."""
    made = await root("api-tokens/create", "ci")
    changed = root.bearing(made["token"])
    assert (await changed.refusal("users/read")).code == -32811
    await root("api-tokens/update-permissions", made["id"], {"admin": True})
    assert await changed("users/read")
    await root("api-tokens/update-permissions", made["id"], {"admin": False})
    assert (await changed.refusal("users/read")).code == -32811


async def test_keeps_everything_else(root: Api) -> None:
    """Only the permissions, the role and the time of the change differ afterwards."""
    options = {"role": "read-write", "expires": "30d", "metadata": {"team": "web"}}
    made = await root("api-tokens/create", "ci", options)
    await root("api-tokens/update-permissions", made["id"], {"write": False})
    row = await root("api-tokens/read", {"id": made["id"]})
    assert {name for name in row if row[name] != made[name]} == {"role", "permissions", "updated"}
    assert row["updated"] > made["updated"]


async def test_denies_what_the_caller_does_not_hold(member: MemberMaker) -> None:
    """False grants nothing: anybody may say it."""
    alice = await member("alice")
    target = await (await bearer(alice, read=True)).token_id()
    wanted = {"write": True, "admin": False, "verify": False}
    permissions = await alice("api-tokens/update-permissions", target, wanted)
    assert permissions == {"read": True, "write": True}


async def test_lets_a_token_lower_itself(member: MemberMaker) -> None:
    """A token may give up what it holds, and cannot take it back."""
    alice = await member("alice")
    token_id = await alice.token_id()
    lowered = await alice("api-tokens/update-permissions", token_id, {"write": False})
    assert lowered == {"read": True, "write": False}
    refusal = await alice.refusal("api-tokens/update-permissions", token_id, {"write": True})
    assert refusal.code == -32811


async def test_lets_an_administrator_change_others_tokens(root: Api, member: MemberMaker) -> None:
    """Permission admin reaches every user's tokens."""
    alice = await member("alice")
    await root("api-tokens/update-permissions", await alice.token_id(), {"read": False})
    [row] = await alice("api-tokens/read")
    assert row["permissions"] == {"write": True}


async def test_loses_nothing_of_concurrent_changes(root: Api, sql: Sql) -> None:
    """Changes of different permissions at the same moment all come to stand."""
    made = await root("api-tokens/create", "ci")
    async with sql.transaction():
        await sql.execute("select from api_tokens where name = 'ci' for update")
        calls = [
            asyncio.create_task(root("api-tokens/update-permissions", made["id"], {name: True}))
            for name in EVERYTHING
        ]
        await blocked(sql, len(calls))
    answers = await asyncio.gather(*calls)
    assert await root("api-tokens/get-permissions", made["id"]) == EVERYTHING
    assert sorted(sum(answer.values()) for answer in answers) == [1, 2, 3, 4]
