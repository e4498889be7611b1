"""What holds for set-permissions and update-permissions alike."""

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


async def stored_map(sql: Sql, token_id: str) -> Any:
    """A token's own permission map as it is stored."""
    row = await token(sql, token_id)
    assert row
    return orjson.loads(row["permissions"])


@pytest.fixture(params=["set", "update"])
def change(request: pytest.FixtureRequest) -> str:
    """Each of the two methods that change permissions."""
    return f"api-tokens/{request.param}-permissions"


async def test_answers_what_the_owner_limits(change: str, root: Api, member: MemberMaker) -> None:
    """An administrator may grant what the owner lacks; in effect it is what both hold."""
    alice = await member("alice", ["read"])
    token_id = await alice.token_id()
    assert await root(change, token_id, EVERYTHING) == {"read": True}
    assert (await alice.refusal("users/read")).code == -32811


async def test_refuses_to_raise_the_calling_token(
    change: str, member: MemberMaker, sql: Sql
) -> None:
    """Nobody edits themselves upward, not even to what their user holds."""
    weak = await member("alice", ["read", "write", "admin"], {"read": True})
    token_id = await weak.token_id()
    refusal = await weak.refusal(change, token_id, {"admin": True})
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert await stored_map(sql, token_id) == {"read": True}


async def test_refuses_to_raise_another_token(change: str, member: MemberMaker, sql: Sql) -> None:
    """A token cannot give another what it does not hold itself."""
    alice = await member("alice")
    weak, target = await bearer(alice, read=True), await bearer(alice)
    token_id = await target.token_id()
    wanted = {"read": True, "write": True}
    assert (await weak.refusal(change, token_id, wanted)).code == -32811
    assert await stored_map(sql, token_id) == {}


@pytest.mark.parametrize("wanted", [{}, {"read": True}, {"read": False, "write": False}])
async def test_refuses_a_stronger_token(
    change: str, member: MemberMaker, sql: Sql, wanted: dict[str, bool]
) -> None:
    """A token cannot lower one of the same user that holds more."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    assert (await weak.refusal(change, strong, wanted)).code == -32811
    assert await stored_map(sql, strong) == {"read": True, "write": True}


async def test_refuses_an_administrator_a_stronger_token(
    change: str, member: MemberMaker, sql: Sql
) -> None:
    """Permission admin alone does not reach a token that may do something else."""
    admin, alice = await member("carol", ["admin"]), await member("alice")
    strong = await alice.token_id()
    refusal = await admin.refusal(change, strong, {"admin": True})
    assert refusal.code == -32811
    assert await stored_map(sql, strong) == {"read": True, "write": True}


async def test_refuses_what_an_administrator_lacks(
    change: str, member: MemberMaker, sql: Sql
) -> None:
    """An administrator grants others only what the calling token holds."""
    admin, alice = await member("carol", ["admin"]), await member("alice", token={})
    token_id = await alice.token_id()
    refusal = await admin.refusal(change, token_id, {"read": True})
    assert refusal.code == -32811
    assert await stored_map(sql, token_id) == {}


async def test_refuses_a_token_that_grew_meanwhile(
    change: str, member: MemberMaker, sql: Sql
) -> None:
    """What the target may do counts at the moment of the change, not when the call began."""
    alice = await member("alice")
    weak, target = await bearer(alice, read=True), await alice("api-tokens/create", "target")
    async with sql.transaction():
        await sql.execute(
            """update api_tokens set permissions = '{"write": true}' where name = 'target'"""
        )
        call = asyncio.create_task(weak.refusal(change, target["id"], {}))
        await blocked(sql, 1)
    assert (await call).code == -32811
    assert await stored_map(sql, target["id"]) == {"write": True}


async def test_refuses_a_foreign_token(change: str, member: MemberMaker, sql: Sql) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal(change, token_id, {})
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await stored_map(sql, ids[0]) == {"read": True, "write": True}
    assert await events(sql, change) == []


@pytest.mark.parametrize("name", ["*", "guest", "root", "user", "fly", ""])
@pytest.mark.parametrize("granted", [True, False])
async def test_refuses_a_permission_that_is_none(
    change: str, shared: Api, name: str, granted: bool
) -> None:
    """Reserved and unknown names are no permissions, not even to be denied."""
    wanted = {name: granted}
    refusal = await shared.refusal(change, MISSING_ID, wanted)
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
async def test_refuses_what_is_no_permission_map(
    change: str, shared: Api, permissions: Any, path: str
) -> None:
    """A permission map has at most 256 names, and nothing but booleans."""
    refusal = await shared.refusal(change, MISSING_ID, permissions)
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, [path])


async def test_writes_the_audit_event(change: str, root: Api, sql: Sql) -> None:
    """What was set, by whom, and that it was allowed is remembered; the secret is not."""
    made = await root("api-tokens/create", "ci")
    wanted = {"read": True, "write": False}
    await root(change, made["id"], wanted)
    assert await events(sql, change) == [
        {
            "actor_user": made["user_id"],
            "actor_token": await root.token_id(),
            "target": made["id"],
            "details": {"name": "ci", "permissions": wanted, "allowed": True},
        }
    ]
    assert made["token"] not in await stored(sql)


async def test_writes_the_audit_event_of_a_refused_change(
    change: str, member: MemberMaker, sql: Sql
) -> None:
    """An attempt on a stronger token is remembered as one that was not allowed."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    await weak.refusal(change, strong, {})
    [event] = await events(sql, change)
    assert (event["target"], event["actor_token"]) == (strong, await weak.token_id())
    assert event["details"]["allowed"] is False


async def test_changes_nothing_without_its_audit_event(change: str, root: Api, sql: Sql) -> None:
    """The change and its audit event are one: neither is there without the other."""
    made = await root("api-tokens/create", "ci")
    await break_audit(sql)
    refusal = await root.refusal(change, made["id"], {"read": True})
    assert refusal.code == 500
    assert await stored_map(sql, made["id"]) == {}
