from typing import Any

import orjson
import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    EVERYTHING,
    INJECTIONS,
    PASSWORD,
    Sql,
    bearer,
    events,
    signed_in,
    user,
    user_id,
)
from tests.support import MISSING_ID, Api

NOTHING = dict.fromkeys(EVERYTHING, False)


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ({}, {"read", "write"}),
        ({"write": False}, {"read"}),
        ({"read": False, "write": False}, set()),
        ({"admin": True}, {"read", "write", "admin"}),
        ({"read": True, "verify": False}, {"read", "write"}),
        (EVERYTHING, {*EVERYTHING}),
        (NOTHING, set()),
    ],
)
async def test_replaces_all(root: Api, wanted: dict[str, bool], held: set[str]) -> None:
    """What is named is held or not as it is said, and the rest if it is default."""
    made = await root("users/create", "alice", {"permissions": ["verify"]})
    permissions = await root("users/set-permissions", made["id"], wanted)
    assert permissions == {name: name in held for name in EVERYTHING}
    assert (await root("users/read", {"id": made["id"]}))["permissions"].keys() == held


@pytest.mark.parametrize("wanted", [{}, {"write": False}, {"verify": True}, EVERYTHING])
async def test_answers_what_can_be_given_back(root: Api, wanted: dict[str, bool]) -> None:
    """The answer, given back unchanged, changes nothing."""
    made = await root("users/create", "alice")
    permissions = await root("users/set-permissions", made["id"], wanted)
    assert await root("users/set-permissions", made["id"], permissions) == permissions


async def test_tokens_lose_what_their_user_loses(root: Api, member: MemberMaker) -> None:
    """What is taken away is gone from every token at the very next call."""
    alice = await member("alice", ["read", "write", "admin"])
    await alice("users/read")
    await root("users/set-permissions", await user_id(root, "alice"), {"write": False})
    assert (await alice.refusal("users/read")).code == -32811
    [row] = await alice("api-tokens/read")
    assert row["permissions"] == {"read": True}


async def test_tokens_gain_what_they_were_granted_before(root: Api, member: MemberMaker) -> None:
    """A permission that waits in a token's map comes into effect when its user holds it."""
    alice = await member("alice")
    await root("api-tokens/set-permissions", await alice.token_id(), {"admin": True})
    assert (await alice.refusal("users/read")).code == -32811
    await root("users/set-permissions", await user_id(root, "alice"), {"admin": True})
    assert await alice("users/read")


async def test_sessions_follow_at_once(root: Api) -> None:
    """Who is signed in stays so, with what they hold now."""
    made = await root("users/create", "alice", {"password": PASSWORD})
    person = await signed_in(root, "alice", PASSWORD)
    await root("users/set-permissions", made["id"], {"admin": True, "read": False})
    assert (await person("session/read"))["permissions"] == {"admin": True, "write": True}


async def test_keeps_everything_else(root: Api) -> None:
    """Only the permissions differ afterwards."""
    made = await root("users/create", "alice")
    await root("users/set-permissions", made["id"], {"write": False})
    row = await root("users/read", {"id": made["id"]})
    assert row == {**made, "permissions": {"read": True}}


async def test_changes_that_one_only(root: Api) -> None:
    """Other users hold what they held."""
    for name in ("alice", "bob"):
        await root("users/create", name)
    await root("users/set-permissions", await user_id(root, "alice"), NOTHING)
    row = await root("users/read", {"id": await user_id(root, "bob")})
    assert row["permissions"] == {"read": True, "write": True}


async def test_forgets_permissions_nobody_knows_any_more(root: Api, sql: Sql) -> None:
    """Names that left the registry while they stood in the map are replaced like all others."""
    made = await root("users/create", "alice")
    await sql.execute("""update users set permissions = '{"fly": true}' where name = 'alice'""")
    await root("users/set-permissions", made["id"], {"write": False})
    row = await user(sql, made["id"])
    assert row
    assert orjson.loads(row["permissions"]) == {"write": False}


# Who may


async def test_refuses_what_the_caller_lacks(root: Api, member: MemberMaker, sql: Sql) -> None:
    """An administrator gives nobody more than they hold."""
    admin = await member("carol", ["admin", "read", "write"])
    made = await root("users/create", "alice")
    refusal = await admin.refusal("users/set-permissions", made["id"], {"verify": True})
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert refusal.text == 'Access denied: you do not hold permission "verify"'
    [event] = await events(sql, "users/set-permissions")
    assert event["details"] == {"permission": "verify", "allowed": False}


async def test_refuses_default_permissions_the_caller_lacks(root: Api) -> None:
    """What the map leaves open is given by default, and so must be the caller's to give."""
    weak = await bearer(root, admin=True, read=True)
    made = await root("users/create", "alice", {"permissions": []})
    refusal = await weak.refusal("users/set-permissions", made["id"], {"read": True})
    assert refusal.text == 'Access denied: you do not hold permission "write"'
    wanted = {"read": True, "write": False}
    assert await weak("users/set-permissions", made["id"], wanted) == {**NOTHING, "read": True}


async def test_denies_what_the_caller_does_not_hold(root: Api, member: MemberMaker) -> None:
    """False grants nothing: anybody who may touch the user may say it."""
    admin = await member("carol", ["admin", "read", "write"])
    made = await root("users/create", "alice")
    permissions = await admin("users/set-permissions", made["id"], {"verify": False})
    assert permissions == {**NOTHING, "read": True, "write": True}


async def test_refuses_to_raise_oneself(root: Api, member: MemberMaker) -> None:
    """Nobody edits themselves upward."""
    admin = await member("carol", ["admin", "read", "write"])
    target = await user_id(root, "carol")
    assert (await admin.refusal("users/set-permissions", target, EVERYTHING)).code == -32811


async def test_lets_an_administrator_lower_themselves(root: Api, member: MemberMaker) -> None:
    """Who gives up permission admin cannot take it back."""
    admin = await member("carol", ["admin", "read", "write"])
    target = await user_id(root, "carol")
    await admin("users/set-permissions", target, {})
    refusal = await admin.refusal("users/set-permissions", target, {"admin": True})
    assert refusal.code == -32811


@pytest.mark.parametrize("wanted", [{}, {"read": False}, EVERYTHING])
async def test_refuses_root(root: Api, sql: Sql, wanted: dict[str, bool]) -> None:
    """Root holds everything, whatever a map says: nobody is left to think otherwise."""
    target = await user_id(root, "root")
    before = await user(sql, target)
    refusal = await root.refusal("users/set-permissions", target, wanted)
    assert (refusal.code, refusal.text) == (400, "Root holds every permission")
    assert await user(sql, target) == before
    [event] = await events(sql, "users/set-permissions")
    assert event["details"]["allowed"] is False


@pytest.mark.parametrize("name", ["*", "guest", "root", "user", "fly", "", *INJECTIONS])
@pytest.mark.parametrize("granted", [True, False])
async def test_refuses_a_permission_that_is_none(shared: Api, name: str, granted: bool) -> None:
    """Reserved and unknown names are no permissions, not even to be denied."""
    refusal = await shared.refusal("users/set-permissions", MISSING_ID, {name: granted})
    assert (refusal.code, refusal.text) == (400, f'Permission "{name}" is not valid')


@pytest.mark.parametrize(
    ("permissions", "path"),
    [
        ({f"p{n}": False for n in range(257)}, "/1"),
        ({"read": "true"}, "/1/read"),
        ({"read": 1}, "/1/read"),
        ({"read": None}, "/1/read"),
        (["read"], "/1"),
        (None, "/1"),
    ],
)
async def test_refuses_what_is_no_permission_map(shared: Api, permissions: Any, path: str) -> None:
    """A permission map has at most 256 names, and nothing but booleans."""
    refusal = await shared.refusal("users/set-permissions", MISSING_ID, permissions)
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, [path])


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """Who was given what, by whom, and that it was allowed is remembered."""
    made = await root("users/create", "alice")
    await root("users/set-permissions", made["id"], {"write": False})
    assert await events(sql, "users/set-permissions") == [
        {
            "actor_user": await user_id(root, "root"),
            "actor_token": await root.token_id(),
            "target": made["id"],
            "details": {"name": "alice", "permissions": {"write": False}, "allowed": True},
        }
    ]
