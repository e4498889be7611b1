"""What holds for every method that deletes or changes a user."""

import asyncio
from typing import Any, Final
from uuid import UUID

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    EVERYTHING,
    INJECTIONS,
    PASSWORD,
    Sql,
    bearer,
    blocked,
    break_audit,
    events,
    signed_in,
    user,
    user_id,
)
from tests.support import MISSING_ID, Api

OTHER: Final = "staple battery horse"
# Each method, and what it takes besides the user's id.
CHANGES: Final[dict[str, list[Any]]] = {
    "users/delete": [],
    "users/set-enabled": [False],
    "users/set-password": [OTHER],
    "users/set-permissions": [{"write": False}],
}
ENDINGS: Final = ("users/delete", "users/set-enabled")


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> str:
    """Each of the methods."""
    return str(request.param)


@pytest.fixture
async def admin(member: MemberMaker) -> Api:
    """Carol, who may do everything but verify."""
    return await member("carol", ["admin", "read", "write"])


async def second_root(member: MemberMaker, sql: Sql) -> Api:
    """Alice, who is root as well."""
    alice = await member("alice", [*EVERYTHING])
    await sql.execute("update users set root = true where name = 'alice'")
    return alice


# Whom


async def test_refuses_a_user_who_is_not_there(change: str, root: Api, sql: Sql) -> None:
    """An id that is nobody's and one that is none get one answer, and leave no trace."""
    for target in (MISSING_ID, "nonsense", "", *INJECTIONS):
        refusal = await root.refusal(change, target, *CHANGES[change])
        assert (refusal.code, refusal.text) == (404, "User not found")
    assert await events(sql, change) == []


@pytest.mark.parametrize("target", [None, 7, {}, ["x"], "x" * 101, "\0"])
async def test_refuses_what_is_no_id(change: str, shared: Api, target: Any) -> None:
    """An id is text of a bounded length."""
    refusal = await shared.refusal(change, target, *CHANGES[change])
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, ["/0"])


async def test_takes_an_id_in_capitals(
    change: str, root: Api, member: MemberMaker, sql: Sql
) -> None:
    """A UUID is one however it is spelled."""
    await member("alice")
    target = await user_id(root, "alice")
    before = await user(sql, target)
    await root(change, target.upper(), *CHANGES[change])
    assert await user(sql, target) != before


async def test_refuses_a_stronger_user(
    change: str, root: Api, admin: Api, member: MemberMaker, sql: Sql
) -> None:
    """An administrator cannot touch a user who holds something that they do not."""
    await member("alice", ["verify"])
    target = await user_id(root, "alice")
    before = await user(sql, target)
    refusal = await admin.refusal(change, target, *CHANGES[change])
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert refusal.text == "Access denied: it holds permissions you do not hold"
    assert await user(sql, target) == before


async def test_refuses_a_weaker_administrator_root(
    change: str, root: Api, admin: Api, sql: Sql
) -> None:
    """Who lacks a single permission cannot touch root, and learns nothing else about root."""
    target = await user_id(root, "root")
    before = await user(sql, target)
    assert (await admin.refusal(change, target, *CHANGES[change])).code == -32811
    assert await user(sql, target) == before


async def test_refuses_a_weaker_token_of_the_same_user(change: str, root: Api, sql: Sql) -> None:
    """A leaked weak token does not reach its own user: what counts is what the token may do."""
    weak = await bearer(root, admin=True, read=True, write=True)
    target = await user_id(root, "root")
    before = await user(sql, target)
    assert (await weak.refusal(change, target, *CHANGES[change])).code == -32811
    assert await user(sql, target) == before


async def test_refuses_a_user_who_grew_meanwhile(
    change: str, root: Api, admin: Api, member: MemberMaker, sql: Sql
) -> None:
    """What the target holds counts at the moment of the change, not when the call began."""
    await member("alice")
    target = await user_id(root, "alice")
    async with sql.transaction():
        await sql.execute(
            """update users set permissions = '{"verify": true}' where name = 'alice'"""
        )
        before = await user(sql, target)
        call = asyncio.create_task(admin.refusal(change, target, *CHANGES[change]))
        await blocked(sql, 1)
    assert (await call).code == -32811
    assert await user(sql, target) == before


async def test_reaches_a_user_who_holds_as_much(
    change: str, root: Api, admin: Api, member: MemberMaker, sql: Sql
) -> None:
    """Of two administrators who hold the same each can touch the other."""
    await member("alice", ["admin", "read", "write"])
    target = await user_id(root, "alice")
    before = await user(sql, target)
    await admin(change, target, *CHANGES[change])
    assert await user(sql, target) != before


# What stays behind


async def test_writes_the_audit_event_of_a_session(change: str, root: Api, sql: Sql) -> None:
    """What a person signed in does is told of them and their session, not of a token."""
    await root("users/create", "alice")
    owner = await user_id(root, "root")
    await root("users/set-password", owner, PASSWORD)
    person = await signed_in(root, "root", PASSWORD)
    session = (await person("session/read"))["session"]["id"]
    target = await user_id(root, "alice")
    await person(change, target, *CHANGES[change])
    found = await sql.fetchrow(
        "select actor_user, actor_token, actor_session from audit_events"
        " where action = $1 and target = $2",
        change,
        UUID(target),
    )
    assert found
    assert tuple(found) == (UUID(owner), None, UUID(session))


async def test_writes_the_audit_event_of_a_refused_change(
    change: str, root: Api, admin: Api, member: MemberMaker, sql: Sql
) -> None:
    """An attempt on a stronger user is remembered as one that was not allowed."""
    await member("alice", ["verify"])
    target = await user_id(root, "alice")
    await admin.refusal(change, target, *CHANGES[change])
    [event] = await events(sql, change)
    assert (event["target"], event["actor_token"]) == (target, await admin.token_id())
    assert (event["details"]["name"], event["details"]["allowed"]) == ("alice", False)


async def test_changes_nothing_without_its_audit_event(
    change: str, root: Api, member: MemberMaker, sql: Sql
) -> None:
    """The change and its audit event are one: neither is there without the other."""
    alice = await member("alice")
    await root("users/set-password", await user_id(root, "alice"), PASSWORD)
    person = await signed_in(root, "alice", PASSWORD)
    target = await user_id(root, "alice")
    before = await user(sql, target)
    await break_audit(sql)
    assert (await root.refusal(change, target, *CHANGES[change])).code == 500
    assert await user(sql, target) == before
    assert await person("api-tokens/read") == await alice("api-tokens/read")


# The last root


@pytest.mark.parametrize("ending", ENDINGS)
async def test_keeps_the_last_enabled_root(ending: str, root: Api, sql: Sql) -> None:
    """The last one who may do everything can neither be disabled nor deleted, which is audited."""
    target = await user_id(root, "root")
    before = await user(sql, target)
    refusal = await root.refusal(ending, target, *CHANGES[ending])
    verb = "deleted" if ending == "users/delete" else "disabled"
    assert (refusal.code, refusal.status) == (409, 409)
    assert refusal.text == f"The last enabled root user cannot be {verb}"
    assert await user(sql, target) == before
    [event] = await events(sql, ending)
    assert (event["target"], event["details"]["allowed"]) == (target, False)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_counts_enabled_roots_alone(
    ending: str, root: Api, member: MemberMaker, sql: Sql
) -> None:
    """Another root who is disabled does not stand in for the last."""
    await second_root(member, sql)
    await sql.execute("update users set enabled = false where name = 'alice'")
    target = await user_id(root, "root")
    assert (await root.refusal(ending, target, *CHANGES[ending])).code == 409


@pytest.mark.parametrize("ending", ENDINGS)
async def test_ends_a_root_beside_another(
    ending: str, root: Api, member: MemberMaker, sql: Sql
) -> None:
    """Any root but the last can be disabled or deleted."""
    alice = await second_root(member, sql)
    await alice(ending, await user_id(root, "root"), *CHANGES[ending])
    assert (await root.refusal("api-tokens/read")).status in {401, 403}
    assert await alice("api-tokens/read")


@pytest.mark.parametrize("first", ENDINGS)
@pytest.mark.parametrize("second", ENDINGS)
async def test_keeps_one_of_two_roots(
    first: str, second: str, root: Api, member: MemberMaker, sql: Sql
) -> None:
    """Of two roots that end each other at the same moment exactly one is left."""
    alice = await second_root(member, sql)
    hers, ours = await user_id(root, "alice"), await user_id(root, "root")
    async with sql.transaction():
        await sql.execute("select from users where root for update")
        calls = [
            asyncio.create_task(root.result(first, hers, *CHANGES[first])),
            asyncio.create_task(alice.result(second, ours, *CHANGES[second])),
        ]
        await blocked(sql, 2)
    results = await asyncio.gather(*calls)
    assert sorted(getattr(result, "code", 200) for result in results) == [200, 409]
    assert await sql.fetchval("select count(*) from users where root and enabled") == 1


# Sessions that begin meanwhile


@pytest.mark.parametrize("ending", ["users/set-enabled", "users/set-password"])
async def test_ends_a_session_that_is_being_made(ending: str, root: Api, sql: Sql) -> None:
    """A session whose sign-in began before is dead, however late it is stored."""
    await root("users/create", "alice", {"password": PASSWORD})
    target = await user_id(root, "alice")
    await sql.execute(
        "create function wait() returns trigger language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock(1); return new; end $$"
    )
    await sql.execute("create trigger wait before insert on sessions execute function wait()")
    await sql.execute("select pg_advisory_lock(1)")
    signing_in = asyncio.create_task(signed_in(root, "alice", PASSWORD))
    await blocked(sql, 1)
    change = asyncio.create_task(root(ending, target, *CHANGES[ending]))
    await blocked(sql, 2)
    await sql.execute("select pg_advisory_unlock(1)")
    late, _ = await asyncio.gather(signing_in, change)
    assert await sql.fetchval("select count(*) from sessions") == 1
    await root("users/set-enabled", target, True)
    assert (await late.refusal("session/read")).code == -32812
