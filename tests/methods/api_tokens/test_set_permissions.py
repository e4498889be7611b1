from tests.conftest import MemberMaker
from tests.methods.support import (
    EVERYTHING,
    bearer,
)
from tests.support import Api

NOTHING = dict.fromkeys(EVERYTHING, False)


async def test_replaces_all(root: Api) -> None:
    """What is not named is taken away; the answer is the map now in effect."""
    made = await root("api-tokens/create", "ci", {"permissions": {"read": True, "write": True}})
    permissions = await root("api-tokens/set-permissions", made["id"], {"verify": True})
    assert permissions == {**NOTHING, "verify": True}
    assert permissions == await root("api-tokens/get-permissions", made["id"])


async def test_clears_the_role(root: Api) -> None:
    """A token whose permissions were set by hand has no preset any more."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    await root("api-tokens/set-permissions", made["id"], {"read": True})
    row = await root("api-tokens/read", {"id": made["id"]})
    assert (row["role"], row["permissions"]) == (None, {"read": True})


async def test_takes_everything_away(root: Api) -> None:
    """An empty map leaves a token that may do nothing."""
    made = await root("api-tokens/create", "ci", {"permissions": EVERYTHING})
    assert await root("api-tokens/set-permissions", made["id"], {}) == NOTHING


async def test_takes_effect_at_once(root: Api) -> None:
    """The very next call of the token is permitted or refused accordingly."""
    made = await root("api-tokens/create", "ci")
    changed = root.bearing(made["token"])
    assert (await changed.refusal("users/read")).code == -32811
    await root("api-tokens/set-permissions", made["id"], {"admin": True})
    assert await changed("users/read")
    await root("api-tokens/set-permissions", made["id"], {})
    assert (await changed.refusal("users/read")).code == -32811


async def test_keeps_everything_else(root: Api) -> None:
    """Only the permissions, the role and the time of the change differ afterwards."""
    options = {"role": "admin", "expires": "30d", "metadata": {"team": "web"}}
    made = await root("api-tokens/create", "ci", options)
    await root("api-tokens/set-permissions", made["id"], {"read": True})
    row = await root("api-tokens/read", {"id": made["id"]})
    assert {name for name in row if row[name] != made[name]} == {"role", "permissions", "updated"}
    assert row["updated"] > made["updated"]


async def test_denies_what_the_caller_does_not_hold(member: MemberMaker) -> None:
    """False grants nothing: anybody may say it."""
    alice = await member("alice")
    target = await (await bearer(alice, read=True)).token_id()
    wanted = {"read": False, "write": True, "admin": False, "verify": False}
    permissions = await alice("api-tokens/set-permissions", target, wanted)
    assert permissions == {"read": False, "write": True}


async def test_lets_a_token_lower_itself(member: MemberMaker) -> None:
    """A token may give up what it holds, and cannot take it back."""
    alice = await member("alice")
    token_id = await alice.token_id()
    lowered = await alice("api-tokens/set-permissions", token_id, {"read": True})
    assert lowered == {"read": True, "write": False}
    refusal = await alice.refusal("api-tokens/set-permissions", token_id, {"write": True})
    assert refusal.code == -32811


async def test_lets_an_administrator_change_others_tokens(root: Api, member: MemberMaker) -> None:
    """Permission admin reaches every user's tokens."""
    alice = await member("alice")
    await root("api-tokens/set-permissions", await alice.token_id(), {"write": True})
    [row] = await alice("api-tokens/read")
    assert row["permissions"] == {"write": True}
