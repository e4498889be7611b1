import asyncio
from typing import Any

import orjson
import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    EVERYTHING,
    Sql,
    bearer,
    blocked,
    break_audit,
    events,
    stored,
    token,
    unreachable,
)
from tests.support import MISSING_ID, Api

NOTHING = dict.fromkeys(EVERYTHING, False)


async def stored_map(sql: Sql, token_id: str) -> Any:
    """A token's own permission map as it is stored."""
    row = await token(sql, token_id)
    assert row
    return orjson.loads(row["permissions"])


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


async def test_answers_what_the_owner_limits(root: Api, member: MemberMaker) -> None:
    """An administrator may grant what the owner lacks; in effect it is what both hold."""
    alice = await member("alice", ["read"])
    token_id = await alice.token_id()
    assert await root("api-tokens/update-permissions", token_id, EVERYTHING) == {"read": True}
    assert (await alice.refusal("users/read")).code == -32811


async def test_lets_a_token_lower_itself(member: MemberMaker) -> None:
    """A token may give up what it holds, and cannot take it back."""
    alice = await member("alice")
    token_id = await alice.token_id()
    lowered = await alice("api-tokens/update-permissions", token_id, {"write": False})
    assert lowered == {"read": True, "write": False}
    refusal = await alice.refusal("api-tokens/update-permissions", token_id, {"write": True})
    assert refusal.code == -32811


async def test_refuses_to_raise_the_calling_token(member: MemberMaker, sql: Sql) -> None:
    """Nobody edits themselves upward, not even to what their user holds."""
    weak = await member("alice", ["read", "write", "admin"], {"read": True})
    token_id = await weak.token_id()
    refusal = await weak.refusal("api-tokens/update-permissions", token_id, {"admin": True})
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert await stored_map(sql, token_id) == {"read": True}


async def test_refuses_to_raise_another_token(member: MemberMaker, sql: Sql) -> None:
    """A token cannot give another what it does not hold itself."""
    alice = await member("alice")
    weak, target = await bearer(alice, read=True), await bearer(alice)
    token_id = await target.token_id()
    wanted = {"read": True, "write": True}
    assert (await weak.refusal("api-tokens/update-permissions", token_id, wanted)).code == -32811
    assert await stored_map(sql, token_id) == {}


@pytest.mark.parametrize("wanted", [{}, {"read": True}, {"read": False, "write": False}])
async def test_refuses_a_stronger_token(
    member: MemberMaker, sql: Sql, wanted: dict[str, bool]
) -> None:
    """A token cannot lower one of the same user that holds more."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    assert (await weak.refusal("api-tokens/update-permissions", strong, wanted)).code == -32811
    assert await stored_map(sql, strong) == {"read": True, "write": True}


async def test_refuses_an_administrator_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """Permission admin alone does not reach a token that may do something else."""
    admin, alice = await member("carol", ["admin"]), await member("alice")
    strong = await alice.token_id()
    refusal = await admin.refusal("api-tokens/update-permissions", strong, {"admin": True})
    assert refusal.code == -32811
    assert await stored_map(sql, strong) == {"read": True, "write": True}


async def test_refuses_what_an_administrator_lacks(member: MemberMaker, sql: Sql) -> None:
    """An administrator grants others only what the calling token holds."""
    admin, alice = await member("carol", ["admin"]), await member("alice", token={})
    token_id = await alice.token_id()
    refusal = await admin.refusal("api-tokens/update-permissions", token_id, {"read": True})
    assert refusal.code == -32811
    assert await stored_map(sql, token_id) == {}


async def test_refuses_a_token_that_grew_meanwhile(member: MemberMaker, sql: Sql) -> None:
    """What the target may do counts at the moment of the change, not when the call began."""
    alice = await member("alice")
    weak, target = await bearer(alice, read=True), await alice("api-tokens/create", "target")
    async with sql.transaction():
        await sql.execute(
            """update api_tokens set permissions = '{"write": true}' where name = 'target'"""
        )
        call = asyncio.create_task(weak.refusal("api-tokens/update-permissions", target["id"], {}))
        await blocked(sql, 1)
    assert (await call).code == -32811
    assert await stored_map(sql, target["id"]) == {"write": True}


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


async def test_refuses_a_foreign_token(member: MemberMaker, sql: Sql) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/update-permissions", token_id, {})
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await stored_map(sql, ids[0]) == {"read": True, "write": True}
    assert await events(sql, "api-tokens/update-permissions") == []


@pytest.mark.parametrize("name", ["*", "guest", "root", "user", "fly", ""])
@pytest.mark.parametrize("granted", [True, False])
async def test_refuses_a_permission_that_is_none(shared: Api, name: str, granted: bool) -> None:
    """Reserved and unknown names are no permissions, not even to be denied."""
    wanted = {name: granted}
    refusal = await shared.refusal("api-tokens/update-permissions", MISSING_ID, wanted)
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
    refusal = await shared.refusal("api-tokens/update-permissions", MISSING_ID, permissions)
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, [path])


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """What was set, by whom, and that it was allowed is remembered; the secret is not."""
    made = await root("api-tokens/create", "ci")
    wanted = {"read": True, "write": False}
    await root("api-tokens/update-permissions", made["id"], wanted)
    assert await events(sql, "api-tokens/update-permissions") == [
        {
            "actor_user": made["user_id"],
            "actor_token": await root.token_id(),
            "target": made["id"],
            "details": {"name": "ci", "permissions": wanted, "allowed": True},
        }
    ]
    assert made["token"] not in await stored(sql)


async def test_writes_the_audit_event_of_a_refused_change(member: MemberMaker, sql: Sql) -> None:
    """An attempt on a stronger token is remembered as one that was not allowed."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    await weak.refusal("api-tokens/update-permissions", strong, {})
    [event] = await events(sql, "api-tokens/update-permissions")
    assert (event["target"], event["actor_token"]) == (strong, await weak.token_id())
    assert event["details"]["allowed"] is False


async def test_changes_nothing_without_its_audit_event(root: Api, sql: Sql) -> None:
    """The change and its audit event are one: neither is there without the other."""
    made = await root("api-tokens/create", "ci")
    await break_audit(sql)
    refusal = await root.refusal("api-tokens/update-permissions", made["id"], {"read": True})
    assert refusal.code == 500
    assert await stored_map(sql, made["id"]) == {}
