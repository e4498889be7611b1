from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import PASSWORD, Sql, events, signed_in, user_id
from tests.support import MISSING_ID, Api

DISABLED = "Session is disabled: the user is disabled"


@pytest.fixture
async def alice(root: Api, member: MemberMaker) -> Api:
    """A user by a token of hers; she can sign in, too."""
    made = await member("alice")
    await root("users/set-password", await user_id(root, "alice"), PASSWORD)
    return made


async def test_refuses_every_token_at_once(root: Api, alice: Api) -> None:
    """A disabled user's tokens are refused, and told why."""
    other = alice.bearing((await alice("api-tokens/create", "ci"))["token"])
    assert await root("users/set-enabled", await user_id(root, "alice"), False) is None
    for api in (alice, other):
        refusal = await api.refusal("api-tokens/read")
        assert (refusal.code, refusal.status, refusal.text) == (-32813, 403, DISABLED)


async def test_ends_every_session_at_once(root: Api, alice: Api, sql: Sql) -> None:
    """A disabled user is signed out everywhere."""
    people = [await signed_in(root, "alice", PASSWORD) for _ in range(2)]
    await root("users/set-enabled", await user_id(root, "alice"), False)
    for person in people:
        assert (await person.refusal("session/read")).code == -32812
    assert await sql.fetchval("select count(*) from sessions") == 0


async def test_refuses_to_sign_in(root: Api, alice: Api) -> None:
    """A disabled user who knows the password is told why it is of no use."""
    await root("users/set-enabled", await user_id(root, "alice"), False)
    refusal = await root.bearing(None).refusal("session/sign-in", "alice", PASSWORD)
    assert (refusal.code, refusal.text) == (-32813, DISABLED)


async def test_enables_the_tokens_again(root: Api, alice: Api) -> None:
    """Tokens work again as they did before."""
    before = await alice("api-tokens/read")
    await root("users/set-enabled", await user_id(root, "alice"), False)
    await root("users/set-enabled", await user_id(root, "alice"), True)
    assert await alice("api-tokens/read") == before


async def test_leaves_sessions_ended(root: Api, alice: Api) -> None:
    """Who is enabled again has to sign in again, and can."""
    person = await signed_in(root, "alice", PASSWORD)
    await root("users/set-enabled", await user_id(root, "alice"), False)
    await root("users/set-enabled", await user_id(root, "alice"), True)
    assert (await person.refusal("session/read")).code == -32812
    assert await (await signed_in(root, "alice", PASSWORD))("session/read")


async def test_enabling_ends_no_session(root: Api, alice: Api) -> None:
    """To enable somebody who is enabled does not disturb them."""
    person = await signed_in(root, "alice", PASSWORD)
    await root("users/set-enabled", await user_id(root, "alice"), True)
    assert await person("session/read")


@pytest.mark.parametrize("enabled", [True, False])
async def test_may_be_repeated(root: Api, alice: Api, enabled: bool) -> None:
    """Saying the same twice changes nothing the second time."""
    target = await user_id(root, "alice")
    for _ in range(2):
        await root("users/set-enabled", target, enabled)
    assert (await root("users/read", {"id": target}))["enabled"] is enabled


async def test_enables_the_last_root(root: Api) -> None:
    """What must not be disabled may be enabled."""
    await root("users/set-enabled", await user_id(root, "root"), True)
    assert await root("api-tokens/read")


async def test_disables_that_one_only(root: Api, alice: Api, member: MemberMaker) -> None:
    """Other users' tokens and sessions go on."""
    bob = await member("bob")
    await root("users/set-password", await user_id(root, "bob"), PASSWORD)
    person = await signed_in(root, "bob", PASSWORD)
    await root("users/set-enabled", await user_id(root, "alice"), False)
    assert await bob("api-tokens/read") == await person("api-tokens/read")


async def test_keeps_everything_else(root: Api, alice: Api) -> None:
    """Only that the user is enabled or not differs afterwards."""
    target = await user_id(root, "alice")
    before = await root("users/read", {"id": target})
    await root("users/set-enabled", target, False)
    assert await root("users/read", {"id": target}) == {**before, "enabled": False}


async def test_lets_an_administrator_disable_themselves(root: Api, member: MemberMaker) -> None:
    """Whoever disables themselves cannot undo it."""
    admin = await member("carol", ["admin"])
    target = await user_id(root, "carol")
    await admin("users/set-enabled", target, False)
    assert (await admin.refusal("users/set-enabled", target, True)).text == DISABLED


@pytest.mark.parametrize("enabled", [None, 0, 1, "false", "", [], {}])
async def test_refuses_what_is_no_boolean(shared: Api, enabled: Any) -> None:
    """Nothing is guessed: what is neither true nor false is a fault."""
    refusal = await shared.refusal("users/set-enabled", MISSING_ID, enabled)
    assert [(f.path, f.message) for f in refusal.faults] == [("/1", "must be boolean")]


@pytest.mark.parametrize("enabled", [True, False])
async def test_writes_the_audit_event(root: Api, alice: Api, sql: Sql, enabled: bool) -> None:
    """Who was enabled or disabled, by whom, and that it was allowed is remembered."""
    target = await user_id(root, "alice")
    await root("users/set-enabled", target, enabled)
    assert await events(sql, "users/set-enabled") == [
        {
            "actor_user": await user_id(root, "root"),
            "actor_token": await root.token_id(),
            "target": target,
            "details": {"name": "alice", "enabled": enabled, "allowed": True},
        }
    ]
