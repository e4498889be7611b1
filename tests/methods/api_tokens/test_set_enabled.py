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
from tests.support import MISSING_ID, Api


async def is_enabled(sql: Sql, token_id: str) -> bool:
    """Whether a token is stored as enabled."""
    row = await token(sql, token_id)
    assert row
    return bool(row["enabled"])


async def test_disables(root: Api) -> None:
    """A disabled token is refused at once, and told why."""
    made = await root("api-tokens/create", "ci")
    assert await root("api-tokens/set-enabled", made["id"], False) is None
    refusal = await root.bearing(made["token"]).refusal("api-tokens/read")
    assert (refusal.code, refusal.status) == (-32813, 403)
    assert refusal.text == "Session is disabled: the token is disabled"


async def test_enables_again(root: Api) -> None:
    """A token works again as it did before."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    await root("api-tokens/set-enabled", made["id"], False)
    await root("api-tokens/set-enabled", made["id"], True)
    row = await root.bearing(made["token"])("api-tokens/read", {"id": made["id"]})
    assert {name for name in row if row[name] != made[name]} == {"updated"}


@pytest.mark.parametrize("enabled", [True, False])
async def test_may_be_repeated(root: Api, sql: Sql, enabled: bool) -> None:
    """Saying the same twice changes nothing the second time."""
    made = await root("api-tokens/create", "ci")
    for _ in range(2):
        await root("api-tokens/set-enabled", made["id"], enabled)
    assert await is_enabled(sql, made["id"]) is enabled


async def test_tells_when_it_changed(root: Api) -> None:
    """The change is the token's latest."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/set-enabled", made["id"], False)
    row = await root("api-tokens/read", {"id": made["id"]})
    assert (row["enabled"], row["updated"] > made["updated"]) == (False, True)


async def test_disables_that_one_only(member: MemberMaker) -> None:
    """The other tokens of the same user go on working."""
    alice = await member("alice")
    made = await alice("api-tokens/create", "ci")
    await alice("api-tokens/set-enabled", made["id"], False)
    assert [row["enabled"] for row in await alice("api-tokens/read")] == [True, False]


async def test_cannot_be_undone_by_the_disabled_token(member: MemberMaker, sql: Sql) -> None:
    """A token may disable itself, and cannot enable itself again."""
    alice = await member("alice")
    token_id = await alice.token_id()
    await alice("api-tokens/set-enabled", token_id, False)
    assert (await alice.refusal("api-tokens/set-enabled", token_id, True)).code == -32813
    assert await is_enabled(sql, token_id) is False


async def test_tells_an_expired_token_that_it_is_one(root: Api, sql: Sql) -> None:
    """A token that has expired and is disabled is answered as an expired one."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/set-enabled", made["id"], False)
    await sql.execute("update api_tokens set expires = '2001-01-01' where name = 'ci'")
    assert (await root.bearing(made["token"]).refusal("api-tokens/read")).code == -32815


async def test_does_not_tell_a_disabled_token_what_exists(root: Api) -> None:
    """A disabled token learns of no method's arguments, and of unknown methods what all learn."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/set-enabled", made["id"], False)
    disabled = root.bearing(made["token"])
    assert (await disabled.refusal("api-tokens/delete")).code == -32813
    assert (await disabled.refusal("api-tokens/delete", MISSING_ID)).code == -32813
    assert (await disabled.refusal("api-tokens/no-such-method")).code == -32809


async def test_refuses_every_token_of_a_disabled_user(member: MemberMaker, sql: Sql) -> None:
    """A disabled user's tokens are refused with a text of their own, and others' are not."""
    alice, bob = await member("alice"), await member("bob")
    await sql.execute("update users set enabled = false where name = 'alice'")
    refusal = await alice.refusal("api-tokens/read")
    assert (refusal.code, refusal.text) == (-32813, "Session is disabled: the user is disabled")
    assert await bob("api-tokens/read")


async def test_refuses_every_token_while_the_api_is_disabled(root: Api, sql: Sql) -> None:
    """Without the API not even root's token works, until it is switched on again."""
    await sql.execute("update settings set api_enabled = false")
    refusal = await root.refusal("api-tokens/read")
    assert (refusal.code, refusal.text) == (-32813, "Session is disabled: the API is disabled")
    await sql.execute("update settings set api_enabled = true")
    assert await root("api-tokens/read")


async def test_refuses_a_foreign_token(member: MemberMaker, sql: Sql) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/set-enabled", token_id, False)
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await is_enabled(sql, ids[0])
    assert await events(sql, "api-tokens/set-enabled") == []


@pytest.mark.parametrize("enabled", [None, 0, 1, "false", "", [], {}])
async def test_refuses_what_is_no_boolean(shared: Api, enabled: Any) -> None:
    """Nothing is guessed: what is neither true nor false is a fault."""
    refusal = await shared.refusal("api-tokens/set-enabled", MISSING_ID, enabled)
    assert [(f.path, f.message) for f in refusal.faults] == [("/1", "must be boolean")]


async def test_refuses_to_disable_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """A token cannot disable one of the same user that holds more."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    refusal = await weak.refusal("api-tokens/set-enabled", strong, False)
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert await is_enabled(sql, strong)


async def test_refuses_to_enable_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """A token cannot bring back a disabled one that holds more."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await bearer(alice, read=True, write=True)
    strong_id = await strong.token_id()
    await alice("api-tokens/set-enabled", strong_id, False)
    assert (await weak.refusal("api-tokens/set-enabled", strong_id, True)).code == -32811
    assert await is_enabled(sql, strong_id) is False


async def test_refuses_an_administrator_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """Permission admin alone does not reach a token that may do something else."""
    admin, alice = await member("carol", ["admin"]), await member("alice")
    strong = await alice.token_id()
    assert (await admin.refusal("api-tokens/set-enabled", strong, False)).code == -32811
    assert await is_enabled(sql, strong)


async def test_refuses_a_token_that_grew_meanwhile(member: MemberMaker, sql: Sql) -> None:
    """What the target may do counts at the moment of the change, not when the call began."""
    alice = await member("alice")
    weak, target = await bearer(alice, read=True), await alice("api-tokens/create", "target")
    async with sql.transaction():
        await sql.execute(
            """update api_tokens set permissions = '{"write": true}' where name = 'target'"""
        )
        call = asyncio.create_task(weak.refusal("api-tokens/set-enabled", target["id"], False))
        await blocked(sql, 1)
    assert (await call).code == -32811
    assert await is_enabled(sql, target["id"])


async def test_lets_an_administrator_disable_others_tokens(root: Api, member: MemberMaker) -> None:
    """Permission admin reaches every user's tokens."""
    alice = await member("alice")
    await root("api-tokens/set-enabled", await alice.token_id(), False)
    assert (await alice.refusal("api-tokens/read")).code == -32813


@pytest.mark.parametrize("enabled", [True, False])
async def test_writes_the_audit_event(root: Api, sql: Sql, enabled: bool) -> None:
    """What was switched how, by whom, and that it was allowed is remembered."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/set-enabled", made["id"], enabled)
    assert await events(sql, "api-tokens/set-enabled") == [
        {
            "actor_user": made["user_id"],
            "actor_token": await root.token_id(),
            "target": made["id"],
            "details": {"name": "ci", "enabled": enabled, "allowed": True},
        }
    ]
    assert made["token"] not in await stored(sql)


async def test_writes_the_audit_event_of_a_refused_change(member: MemberMaker, sql: Sql) -> None:
    """An attempt on a stronger token is remembered as one that was not allowed."""
    alice = await member("alice")
    weak, strong = await bearer(alice, read=True), await alice.token_id()
    await weak.refusal("api-tokens/set-enabled", strong, False)
    [event] = await events(sql, "api-tokens/set-enabled")
    assert (event["target"], event["actor_token"]) == (strong, await weak.token_id())
    assert event["details"]["allowed"] is False


async def test_changes_nothing_without_its_audit_event(root: Api, sql: Sql) -> None:
    """The change and its audit event are one: neither is there without the other."""
    made = await root("api-tokens/create", "ci")
    await break_audit(sql)
    assert (await root.refusal("api-tokens/set-enabled", made["id"], False)).code == 500
    assert await is_enabled(sql, made["id"])
