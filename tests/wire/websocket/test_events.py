"""Events of tokens: who is told of which, whoever makes the change."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import Sql
from tests.support import KEY, Api, output
from tests.wire.websocket.support import (
    CHANGE,
    MISSED,
    Connect,
    change,
    make_token,
    marked,
)

Step = Callable[[Api, str], Awaitable[Any]]

CHANGES: Final[dict[str, tuple[str, Step]]] = {
    "disabled": ("disable", lambda api, token: api("api-tokens/set-enabled", token, False)),
    "renamed": ("update", lambda api, token: api("api-tokens/update", token, {"name": "new"})),
    "permitted": ("update", lambda api, token: api("api-tokens/set-permissions", token, {})),
    "rotated": ("rotate", lambda api, token: api("api-tokens/rotate", token)),
    "rotated with grace": (
        "rotate",
        lambda api, token: api("api-tokens/rotate", token, {"grace": "1h"}),
    ),
    "deleted": ("delete", lambda api, token: api("api-tokens/delete", token)),
}


@pytest.mark.parametrize(("action", "step"), CHANGES.values(), ids=CHANGES)
async def test_the_owner_is_told(
    member: MemberMaker, connect: Connect, action: str, step: Step
) -> None:
    """Of each change by another connection, once."""
    alice = await member("alice")
    token = (await alice("api-tokens/create", "ci", {"permissions": {"read": True}}))["id"]
    peer = await connect(alice.token)
    await peer.subscribe()
    await step(alice, token)
    assert await peer.events_until(await marked(alice)) == [change(token, action)]


async def test_the_owner_is_told_of_an_enabled_token(member: MemberMaker, connect: Connect) -> None:
    """As of one that is disabled."""
    alice = await member("alice")
    token = (await alice("api-tokens/create", "ci"))["id"]
    await alice("api-tokens/set-enabled", token, False)
    peer = await connect(alice.token)
    await peer.subscribe()
    await alice("api-tokens/set-enabled", token, True)
    assert await peer.event() == change(token, "enable")


async def test_whoever_makes_the_change(
    root: Api, member: MemberMaker, connect: Connect, sql: Sql
) -> None:
    """The owner is told of what an administrator does, and of what is done to the database."""
    alice = await member("alice")
    token = (await alice("api-tokens/create", "ci"))["id"]
    peer = await connect(alice.token)
    await peer.subscribe()
    await root("api-tokens/update", token, {"name": "by root"})
    assert await peer.event() == change(token, "update")
    await sql.execute("update api_tokens set enabled = false where id = $1", UUID(token))
    assert await peer.event() == change(token, "disable")
    await sql.execute("delete from api_tokens where id = $1", UUID(token))
    assert await peer.event() == change(token, "delete")


async def test_another_process_may_make_the_change(
    root: Api, connect: Connect, database_url: str, tmp_path: Path
) -> None:
    """The command line, for one."""
    peer = await connect(root.token)
    await peer.subscribe()
    environment = {
        "API_TOKENS_DATABASE_URL": database_url,
        "API_TOKENS_DATA_DIR": str(tmp_path),
        "API_TOKENS_KEY": KEY,
    }
    code, _, errors = await output("token", "create", "by command", environment=environment)
    assert code == 0, errors
    [row] = await root("api-tokens/read", {"where": {"name": "by command"}})
    assert await peer.event() == change(row["id"], "create")


async def test_a_connection_is_told_of_what_it_does_itself(root: Api, connect: Connect) -> None:
    """A page need not tell its own changes from others'."""
    peer = await connect(root.token)
    await peer.subscribe()
    made = await peer.data("api-tokens/create", "ci")
    assert await peer.event() == change(made["id"], "create")


async def test_all_connections_of_the_owner_are_told(
    root: Api, member: MemberMaker, connect: Connect
) -> None:
    """Whichever of the owner's tokens they bear."""
    alice = await member("alice")
    other = await alice("api-tokens/create", "other")
    peers = [await connect(token) for token in (alice.token, alice.token, other["token"])]
    for peer in peers:
        await peer.subscribe()
    mark = await marked(alice)
    assert [await peer.event() for peer in peers] == [mark] * 3


async def test_nobody_else_is_told(root: Api, member: MemberMaker, connect: Connect) -> None:
    """Not another user, not an administrator: each hears of their own tokens alone."""
    alice, bob = await member("alice"), await member("bob")
    peers = {user.token: await connect(user.token) for user in (bob, root)}
    for peer in peers.values():
        await peer.subscribe()
    token = (await alice("api-tokens/create", "ci"))["id"]
    await alice("api-tokens/update", token, {"name": "new"})
    await alice("api-tokens/delete", token)
    for user in (bob, root):
        assert await peers[user.token].events_until(await marked(user)) == []


async def test_nobody_is_told_who_did_not_ask(root: Api, connect: Connect) -> None:
    """Subscribing begins with the changes that come after it."""
    peer, other = await connect(root.token), await connect(root.token)
    await other.subscribe()
    before = await marked(root)
    assert await other.event() == before
    await peer.subscribe()
    assert await peer.events_until(await marked(root)) == []


@pytest.mark.parametrize("method", ["/subscribe", "subscribe"])
async def test_a_subscription_with_an_id_is_answered(
    root: Api, connect: Connect, method: str
) -> None:
    """From the answer on nothing is missed."""
    peer = await connect(root.token)
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": [["nothing", CHANGE]]}
    await peer.send(call)
    assert (await peer.answer(1))["result"]["status"] == 200
    mark = await marked(root)
    assert await peer.event() == mark


async def test_who_unsubscribes_is_told_no_more(root: Api, connect: Connect) -> None:
    """Until they subscribe again."""
    peer, other = await connect(root.token), await connect(root.token)
    await peer.subscribe()
    await other.subscribe()
    await peer.tell("/unsubscribe", [CHANGE])
    await peer.call("session/read")
    unheard = await marked(root)
    assert await other.event() == unheard
    await peer.subscribe()
    assert await peer.events_until(await marked(root)) == []


async def test_twice_subscribed_is_told_once(root: Api, connect: Connect) -> None:
    """Subscribing is a state, not a count."""
    peer = await connect(root.token)
    await peer.subscribe()
    await peer.subscribe()
    first = await marked(root)
    assert await peer.events_until(await marked(root)) == [first]


async def test_a_guest_is_told_nothing(root: Api, connect: Connect) -> None:
    """Nor is who bears an unknown token; neither is refused the subscription."""
    other = await connect(root.token)
    peers = [await connect(), await connect("apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX")]
    for peer in (*peers, other):
        await peer.subscribe()
    mark = await marked(root)
    assert await other.event() == mark
    for peer in peers:
        last = await peer.begin("session/read")
        assert (await peer.receive())["id"] == last


async def test_an_import_is_told_of_row_by_row(root: Api, connect: Connect) -> None:
    """Each token once, however many come at a time; and none that was refused."""
    peer = await connect(root.token)
    await peer.subscribe()
    rows = [{"name": f"n{n}", "token": f"{n:03}-abcdefghijklmnop-{n:03}"} for n in range(250)]
    await root("api-tokens/import", [*rows, {"name": "refused", "token": "short"}])
    events = await peer.events_until(await marked(root))
    stored = [
        row["id"]
        for page in (0, 100, 200)
        for row in await root(
            "api-tokens/read", {"where": {"name": ["starts with", "n"]}, "offset": page}
        )
    ]
    assert len(stored) == 250
    assert sorted(events, key=str) == sorted((change(n, "create") for n in stored), key=str)


async def test_many_deleted_at_once_are_told_of_one_by_one(
    root: Api, connect: Connect, sql: Sql
) -> None:
    """Though the database tells of a hundred at a time."""
    rows = [{"name": f"n{n}", "token": f"{n:03}-abcdefghijklmnop-{n:03}"} for n in range(250)]
    await root("api-tokens/import", rows)
    peer = await connect(root.token)
    await peer.subscribe()
    gone = await sql.fetch("delete from api_tokens where name like 'n%' returning id")
    events = await peer.events_until(await marked(root))
    assert sorted(map(str, events)) == sorted(str(change(str(row["id"]), "delete")) for row in gone)


async def test_the_use_of_a_token_is_no_change(root: Api, connect: Connect, sql: Sql) -> None:
    """It happens all the time."""
    peer = await connect(root.token)
    await peer.subscribe()
    await sql.execute("update api_tokens set last_used = $1", datetime.now(UTC))
    assert await peer.events_until(await marked(root)) == []


async def test_what_is_rolled_back_is_not_told(root: Api, connect: Connect, sql: Sql) -> None:
    """Nor before it is committed."""
    peer = await connect(root.token)
    await peer.subscribe()
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute("update api_tokens set name = 'never'")
    await transaction.rollback()
    assert await peer.events_until(await marked(root)) == []


async def test_a_token_being_made_is_not_missed(root: Api, connect: Connect, sql: Sql) -> None:
    """Who subscribes while somebody makes one is told to read again, once it is there."""
    peer = await connect(root.token)
    async with sql.transaction():
        token_id = await make_token(sql)
        await peer.subscribe()
    assert await peer.event() == MISSED
    assert token_id in [row["id"] for row in await peer.data("api-tokens/read")]


async def test_who_makes_tokens_without_end_holds_up_nobody(
    root: Api, connect: Connect, sql: Sql
) -> None:
    """Many may subscribe meanwhile: none of them keeps a connection to the database."""
    async with sql.transaction():
        await make_token(sql)
        peers = [await connect(root.token) for _ in range(8)]
        await asyncio.gather(*(peer.subscribe() for peer in peers))
        await root("api-tokens/read")
    assert [await peer.event() for peer in peers] == [MISSED] * 8
