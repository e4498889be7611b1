"""`sessionDisable` and `sessionDelete`: what a client is told of the credential it came with."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import PASSWORD, Sql, user_id
from tests.people import person
from tests.support import Api, until
from tests.wire.websocket.support import CHANGE, Connect, Peer, marked

Step = Callable[[Api, Api], Awaitable[Any]]


async def disable_token(root: Api, alice: Api) -> None:
    """What it says."""
    await root("api-tokens/set-enabled", await alice.token_id(), False)


async def delete_token(root: Api, alice: Api) -> None:
    """What it says."""
    await root("api-tokens/delete", await alice.token_id())


async def disable_user(root: Api, _alice: Api) -> None:
    """What it says."""
    await root("users/set-enabled", await user_id(root, "alice"), False)


async def delete_user(root: Api, _alice: Api) -> None:
    """What it says."""
    await root("users/delete", await user_id(root, "alice"))


async def switch_off(root: Api, _alice: Api) -> None:
    """Switch the API off, which no token can undo."""
    await root("settings/set-api-enabled", False)


async def rotate(_root: Api, alice: Api) -> None:
    """Give the token a new secret; the old one ends at once."""
    await alice("api-tokens/rotate", await alice.token_id())


STEPS: Final[dict[str, tuple[Step, str, int]]] = {
    "token disabled": (disable_token, "sessionDisable", -32813),
    "token deleted": (delete_token, "sessionDelete", -32815),
    "user disabled": (disable_user, "sessionDisable", -32813),
    "user deleted": (delete_user, "sessionDelete", -32815),
    "API switched off": (switch_off, "sessionDisable", -32813),
    "secret rotated away": (rotate, "sessionDelete", -32815),
}


@pytest.mark.parametrize("subscribed", [False, True], ids=["without", "with"])
@pytest.mark.parametrize("case", STEPS.values(), ids=STEPS)
async def test_a_client_is_told_once(
    root: Api,
    member: MemberMaker,
    connect: Connect,
    case: tuple[Step, str, int],
    subscribed: bool,
) -> None:
    """With or without a subscription; the connection stays, and its calls are refused."""
    step, event, code = case
    alice = await member("alice")
    peer = await connect(alice.token)
    if subscribed:
        await peer.subscribe()
    assert await peer.code() is None
    await step(root, alice)
    assert await peer.receive() == publication(event)
    assert [await peer.code(), await peer.code()] == [code, code]


def publication(*params: Any) -> dict[str, Any]:
    """An event as it is sent."""
    return {"jsonrpc": "2.0", "method": "/publish", "params": list(params)}


@pytest.mark.parametrize("step", [disable_token, delete_token, rotate])
async def test_another_token_of_the_user_goes_on(
    root: Api, member: MemberMaker, connect: Connect, step: Step
) -> None:
    """Only those are told whose own credential it is; the other hears of the change alone."""
    alice = await member("alice")
    other = alice.bearing((await alice("api-tokens/create", "other"))["token"])
    peer = await connect(other.token)
    await peer.subscribe()
    await step(root, alice)
    names = [name for name, *_ in await peer.events_until(await marked(other))]
    assert names == [CHANGE]
    assert await peer.code() is None


@pytest.mark.parametrize("step", [disable_user, delete_user, disable_token])
async def test_other_users_are_not_told(
    root: Api, member: MemberMaker, connect: Connect, step: Step
) -> None:
    """What becomes of alice is nobody's business."""
    alice, bob = await member("alice"), await member("bob")
    peer = await connect(bob.token)
    await peer.subscribe()
    await step(root, alice)
    assert await peer.events_until(await marked(bob)) == []


async def test_only_the_old_secret_is_rotated_away(
    root: Api, member: MemberMaker, connect: Connect
) -> None:
    """With a grace both work; when the new one is used first, the old one is told."""
    alice = await member("alice")
    old = await connect(alice.token)
    await old.call("session/read")
    options = {"grace": "1h", "until_first_use": True}
    made = await root.bearing(alice.token)("api-tokens/rotate", await alice.token_id(), options)
    assert await old.code() is None
    new = await connect(made["token"])
    assert await new.code() is None
    assert await old.event() == ["sessionDelete"]
    assert [await old.code(), await new.code()] == [-32815, None]


ENDS: Final[dict[str, Callable[[Api, Api], Awaitable[Any]]]] = {
    "signed out": lambda _root, alice: alice("session/sign-out"),
    "password changed": lambda root, _alice: change_password(root),
}


async def change_password(root: Api) -> None:
    """Give alice another password."""
    await root("users/set-password", await user_id(root, "alice"), "another horse battery")


async def signed_in(root: Api) -> Api:
    """The API of alice, who has signed in."""
    await person(root)
    made = await root.bearing(None)("session/sign-in", "alice", PASSWORD)
    return root.bearing(made["token"])


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_an_ended_session_is_told(root: Api, connect: Connect, end: Step) -> None:
    """A session's connection is told of its end, and asked to sign in again."""
    alice = await signed_in(root)
    peer = await connect(alice.token)
    assert await peer.code() is None
    await end(root, alice)
    assert await peer.event() == ["sessionDelete"]
    assert await peer.code() == -32812


async def test_a_session_is_not_of_the_api_that_is_switched_off(
    root: Api, connect: Connect
) -> None:
    """Only tokens are: people can still sign in and switch it on."""
    alice = await signed_in(root)
    peer, token = await connect(alice.token), await connect(root.token)
    await peer.subscribe()
    await token.call("session/read")
    await root("settings/set-api-enabled", False)
    assert await token.event() == ["sessionDisable"]
    assert await peer.code() is None
    assert await peer.events_until(await marked(alice)) == []


async def test_enabled_again_goes_on(root: Api, member: MemberMaker, connect: Connect) -> None:
    """Calls and events come through as before, and what was changed meanwhile was not told."""
    alice = await member("alice")
    token_id = await alice.token_id()
    other = alice.bearing((await alice("api-tokens/create", "other"))["token"])
    peer, neighbour = await connect(alice.token), await connect(other.token)
    await peer.subscribe()
    await neighbour.subscribe()
    await root("api-tokens/set-enabled", token_id, False)
    assert await peer.event() == ["sessionDisable"]
    await neighbour.events_until(await marked(other))
    assert await peer.code() == -32813
    await root("api-tokens/set-enabled", token_id, True)
    await until(lambda: goes_well(peer))
    mark = await marked(other)
    events = [event for event in await peer.events_until(mark) if event[1]["action"] == "create"]
    assert events == []


async def goes_well(peer: Peer) -> bool:
    """Whether a call does."""
    return await peer.code() is None


@pytest.mark.parametrize(
    ("event", "change"),
    [
        ("sessionDisable", "enabled = false"),
        ("sessionDelete", "expires = now()"),
        ("sessionDelete", "digest = 'x'"),
    ],
)
async def test_no_event_to_who_may_no_longer_call(
    root: Api, connect: Connect, sql: Sql, event: str, change: str
) -> None:
    """Changes that come together with the token's own end are not told."""
    made = await root("api-tokens/create", "ci")
    peer = await connect(made["token"])
    await peer.subscribe()
    async with sql.transaction():
        await sql.execute("update api_tokens set name = 'new' where name = 'root'")
        await sql.execute(f"update api_tokens set {change} where name = 'ci'")
    await marked(root)
    assert await peer.receive() == publication(event)
    last = await peer.begin("session/read")
    assert (await peer.receive())["id"] == last


async def test_an_expired_token_hears_nothing_more(
    root: Api, connect: Connect, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells of the moment at which a token expires: it is found out at the next event."""
    made = await root("api-tokens/create", "ci", {"expires": "1s"})
    peer = await connect(made["token"])
    await peer.subscribe()

    async def expired() -> bool:
        return await peer.code() == -32815

    await until(expired)
    await marked(root)
    assert await peer.event() == ["sessionDelete"]
    last = await peer.begin("session/read")
    assert (await peer.receive())["id"] == last


async def test_disabled_then_deleted_is_told_both(
    root: Api, member: MemberMaker, connect: Connect
) -> None:
    """One after the other."""
    alice = await member("alice")
    token_id, peer = await alice.token_id(), await connect(alice.token)
    await peer.call("session/read")
    await root("api-tokens/set-enabled", token_id, False)
    assert await peer.event() == ["sessionDisable"]
    await root("api-tokens/delete", token_id)
    assert await peer.event() == ["sessionDelete"]
    assert await peer.code() == -32815
