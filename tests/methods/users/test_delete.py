import asyncio
from uuid import UUID

from tests.conftest import MemberMaker
from tests.methods.support import PASSWORD, Sql, blocked, events, signed_in, user, user_id
from tests.support import Api


async def test_ends_the_tokens_at_once(root: Api, member: MemberMaker, sql: Sql) -> None:
    """A deleted user's tokens are refused as unknown ones are, and are stored no more."""
    alice = await member("alice")
    target = await user_id(root, "alice")
    assert await root("users/delete", target) is None
    refusal = await alice.refusal("api-tokens/read")
    assert (refusal.code, refusal.status, refusal.text) == (-32815, 401, "Session was deleted")
    found = await sql.fetchval("select count(*) from api_tokens where user_id = $1", UUID(target))
    assert found == 0


async def test_ends_the_sessions_at_once(root: Api, sql: Sql) -> None:
    """A deleted user is signed out everywhere."""
    await root("users/create", "alice", {"password": PASSWORD})
    person = await signed_in(root, "alice", PASSWORD)
    await root("users/delete", await user_id(root, "alice"))
    assert (await person.refusal("session/read")).code == -32812
    assert await sql.fetchval("select count(*) from sessions") == 0


async def test_cannot_sign_in_any_more(root: Api) -> None:
    """A deleted user's name and password are answered as any wrong ones."""
    await root("users/create", "alice", {"password": PASSWORD})
    await root("users/delete", await user_id(root, "alice"))
    refusal = await root.bearing(None).refusal("session/sign-in", "alice", PASSWORD)
    assert refusal.code == -32812


async def test_deletes_that_one_only(root: Api, member: MemberMaker) -> None:
    """All other users stay, with their tokens."""
    bob = await member("bob")
    await member("alice")
    await root("users/delete", await user_id(root, "alice"))
    assert [row["name"] for row in await root("users/read")] == ["bob", "root"]
    assert await bob("api-tokens/read")


async def test_frees_the_name(root: Api, member: MemberMaker) -> None:
    """Who gets the name next is somebody else, without anything of the first."""
    first = await member("alice")
    deleted = await user_id(root, "alice")
    await root("users/delete", deleted)
    second = await member("alice")
    assert await user_id(root, "alice") != deleted
    assert len(await second("api-tokens/read")) == 1
    assert (await first.refusal("api-tokens/read")).code == -32815


async def test_deletes_once(root: Api, member: MemberMaker) -> None:
    """A user who was deleted is not there any more."""
    await member("alice")
    target = await user_id(root, "alice")
    await root("users/delete", target)
    refusal = await root.refusal("users/delete", target)
    assert (refusal.code, refusal.text) == (404, "User not found")


async def test_deletes_a_disabled_user(root: Api, member: MemberMaker, sql: Sql) -> None:
    """A user who was disabled before can be deleted."""
    await member("alice")
    target = await user_id(root, "alice")
    await root("users/set-enabled", target, False)
    await root("users/delete", target)
    assert await user(sql, target) is None


async def test_lets_an_administrator_delete_themselves(root: Api, member: MemberMaker) -> None:
    """Whoever is not the last root may go, by their own token."""
    admin = await member("carol", ["admin"])
    await admin("users/delete", await user_id(root, "carol"))
    assert (await admin.refusal("users/read")).code == -32815


async def test_writes_the_audit_event(root: Api, member: MemberMaker, sql: Sql) -> None:
    """Who was deleted, by whom, and how many tokens went with them is remembered."""
    alice = await member("alice")
    for _ in range(2):
        await alice("api-tokens/create", "ci")
    target = await user_id(root, "alice")
    await root("users/delete", target)
    assert await events(sql, "users/delete") == [
        {
            "actor_user": await user_id(root, "root"),
            "actor_token": await root.token_id(),
            "target": target,
            "details": {"name": "alice", "api_tokens": 3, "allowed": True},
        }
    ]


async def test_keeps_what_the_user_did(root: Api, member: MemberMaker, sql: Sql) -> None:
    """Audit events outlive the user they tell of."""
    alice = await member("alice")
    await alice("api-tokens/create", "ci")
    before = await events(sql, "api-tokens/create")
    await root("users/delete", await user_id(root, "alice"))
    assert await events(sql, "api-tokens/create") == before


async def test_takes_tokens_along_that_are_being_made(
    root: Api, member: MemberMaker, sql: Sql
) -> None:
    """A token that is made while its user is deleted goes as well, and is counted."""
    await member("alice")
    target = await user_id(root, "alice")
    async with sql.transaction():
        await sql.execute(
            "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
            " values ($1, 'late', '', 'none', '', '{}')",
            UUID(target),
        )
        deletion = asyncio.create_task(root("users/delete", target))
        await blocked(sql, 1)
    await deletion
    assert await sql.fetchval("select count(*) from api_tokens where name = 'late'") == 0
    [event] = await events(sql, "users/delete")
    assert event["details"]["api_tokens"] == 2


async def test_a_call_that_is_overtaken_is_refused(member: MemberMaker, sql: Sql) -> None:
    """What a user makes while they are deleted is not made, and they are told as much."""
    alice = await member("alice")
    async with sql.transaction():
        await sql.execute("delete from users where name = 'alice'")
        call = asyncio.ensure_future(alice.refusal("api-tokens/create", "too late"))
        await blocked(sql, 1)
    assert ((await call).code, (await call).text) == (-32815, "Session was deleted")
    told = [event["details"]["name"] for event in await events(sql, "api-tokens/create")]
    assert "too late" not in told
