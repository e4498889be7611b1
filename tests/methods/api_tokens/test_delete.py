import asyncio
from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    Sql,
    bearer,
    blocked,
    break_audit,
    events,
    stored,
    token,
    unreachable,
)
from tests.support import Api


async def test_ends_the_token(root: Api) -> None:
    """A deleted token is refused at once, as an unknown one is."""
    made = await root("api-tokens/create", "short-lived")
    assert await root("api-tokens/delete", made["id"]) is None
    refusal = await root.bearing(made["token"]).refusal("api-tokens/read")
    assert (refusal.code, refusal.status, refusal.text) == (-32815, 401, "Session was deleted")


async def test_deletes_that_one_only(root: Api) -> None:
    """All other tokens stay, those of the same name included."""
    made = [await root("api-tokens/create", "twin") for _ in range(3)]
    await root("api-tokens/delete", made[1]["id"])
    rows = await root("api-tokens/read", {"where": {"name": "twin"}})
    assert {row["id"] for row in rows} == {made[0]["id"], made[2]["id"]}


async def test_deletes_once(root: Api) -> None:
    """A token that was deleted is not there any more."""
    made = await root("api-tokens/create", "short-lived")
    await root("api-tokens/delete", made["id"])
    refusal = await root.refusal("api-tokens/delete", made["id"])
    assert (refusal.code, refusal.text) == (404, "Token not found")


async def test_deletes_the_token_that_calls(member: MemberMaker) -> None:
    """Whoever holds a token may end it, by that token."""
    alice = await member("alice")
    await alice("api-tokens/delete", await alice.token_id())
    assert (await alice.refusal("api-tokens/read")).code == -32815


@pytest.mark.parametrize("state", ["enabled = false", "expires = '2001-01-01'"])
async def test_deletes_a_dead_token(root: Api, sql: Sql, state: str) -> None:
    """A token that cannot be used just now can be deleted."""
    made = await root("api-tokens/create", "dead")
    await sql.execute(f"update api_tokens set {state} where name = 'dead'")
    await root("api-tokens/delete", made["id"])
    assert await token(sql, made["id"]) is None


async def test_takes_an_id_in_capitals(root: Api, sql: Sql) -> None:
    """A UUID is one however it is spelled."""
    made = await root("api-tokens/create", "short-lived")
    await root("api-tokens/delete", made["id"].upper())
    assert await token(sql, made["id"]) is None


async def test_refuses_a_foreign_token(member: MemberMaker, sql: Sql) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/delete", token_id)
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await token(sql, ids[0])
    assert await events(sql, "api-tokens/delete") == []


@pytest.mark.parametrize("token_id", [None, 7, {}, ["x"], "x" * 101, "\0"])
async def test_refuses_what_is_no_id(shared: Api, token_id: Any) -> None:
    """An id is text of a bounded length."""
    refusal = await shared.refusal("api-tokens/delete", token_id)
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, ["/0"])


async def test_refuses_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """A token cannot delete one of the same user that holds more."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    refusal = await weak.refusal("api-tokens/delete", strong)
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert await token(sql, strong)


async def test_refuses_an_administrator_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """Permission admin alone does not reach a token that may do something else."""
    admin, alice = await member("carol", ["admin"]), await member("alice")
    strong = await alice.token_id()
    assert (await admin.refusal("api-tokens/delete", strong)).code == -32811
    assert await token(sql, strong)


async def test_refuses_a_token_that_grew_meanwhile(member: MemberMaker, sql: Sql) -> None:
    """What the target may do counts at the moment it would be deleted, not when the call began."""
    alice = await member("alice")
    weak, target = await bearer(alice, read=True), await alice("api-tokens/create", "target")
    async with sql.transaction():
        await sql.execute(
            """update api_tokens set permissions = '{"write": true}' where name = 'target'"""
        )
        call = asyncio.create_task(weak.refusal("api-tokens/delete", target["id"]))
        await blocked(sql, 1)
    assert (await call).code == -32811
    assert await token(sql, target["id"])


async def test_lets_a_token_be_deleted_that_shrank(member: MemberMaker, sql: Sql) -> None:
    """What its owner no longer holds does not make a token stronger."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    await sql.execute("""update users set permissions = '{"write": false}' where name = 'alice'""")
    await weak("api-tokens/delete", strong)
    assert await token(sql, strong) is None


async def test_lets_an_administrator_delete_others_tokens(root: Api, member: MemberMaker) -> None:
    """Permission admin reaches every user's tokens."""
    alice = await member("alice")
    await root("api-tokens/delete", await alice.token_id())
    assert (await alice.refusal("api-tokens/read")).code == -32815


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """What was deleted, by whom, and that it was allowed is remembered; the secret is not."""
    made = await root("api-tokens/create", "short-lived")
    await root("api-tokens/delete", made["id"])
    assert await events(sql, "api-tokens/delete") == [
        {
            "actor_user": made["user_id"],
            "actor_token": await root.token_id(),
            "target": made["id"],
            "details": {"name": "short-lived", "allowed": True},
        }
    ]
    assert made["token"] not in await stored(sql)


async def test_writes_the_audit_event_of_a_refused_change(member: MemberMaker, sql: Sql) -> None:
    """An attempt on a stronger token is remembered as one that was not allowed."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    await weak.refusal("api-tokens/delete", strong)
    [event] = await events(sql, "api-tokens/delete")
    assert (event["target"], event["actor_token"]) == (strong, await weak.token_id())
    assert event["details"]["allowed"] is False


async def test_deletes_nothing_without_its_audit_event(root: Api, sql: Sql) -> None:
    """The change and its audit event are one: neither is there without the other."""
    made = await root("api-tokens/create", "ci")
    await break_audit(sql)
    assert (await root.refusal("api-tokens/delete", made["id"])).code == 500
    assert await token(sql, made["id"])
