"""Calls in flight: answered in whatever order they end, bounded, aborted, outlived by nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from app.config import Settings
from tests.conftest import MemberMaker
from tests.methods.support import Sql, blocked
from tests.support import Api, until
from tests.wire.websocket.raw import TEXT, raw
from tests.wire.websocket.support import Connect, Peer, Place

UPDATE = "/v1/api-tokens/update"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With patience for calls that a test holds back."""
    return replace(settings, pool_wait=20, statement_timeout=20, shutdown_timeout=5)


@asynccontextmanager
async def held(sql: Sql, token_id: str) -> AsyncIterator[None]:
    """Hold back whatever changes this token, until the end of the block."""
    async with sql.transaction():
        await sql.execute("select from api_tokens where id = $1 for update", UUID(token_id))
        yield


async def rename(peer: Peer, token_id: str, name: str = "renamed") -> int:
    """Begin a call that changes a token; its id."""
    return await peer.begin("api-tokens/update", token_id, {"name": name})


async def made(root: Api) -> str:
    """The id of a token to change."""
    return str((await root("api-tokens/create", "target"))["id"])


async def names(root: Api) -> list[str]:
    """The names of root's tokens."""
    return [row["name"] for row in await root("api-tokens/read")]


async def in_flight(place: Place, number: int) -> None:
    """Wait until so many calls are in flight."""

    async def holds() -> bool:
        return len(place.door.audience.tasks) == number

    await until(holds)


async def test_a_quick_call_overtakes_a_slow_one(root: Api, connect: Connect, sql: Sql) -> None:
    """Answers come as they are ready, each with its id."""
    target, peer = await made(root), await connect(root.token)
    async with held(sql, target):
        slow = await rename(peer, target)
        await blocked(sql, 1)
        quick = await peer.begin("session/read")
        assert (await peer.receive())["id"] == quick
    assert (await peer.answer(slow))["result"]["data"]["name"] == "renamed"


async def test_frames_wait_when_32_calls_are_in_flight(
    root: Api, connect: Connect, place: Place, sql: Sql
) -> None:
    """The 33rd begins when one of them has ended; another connection is not held up."""
    target, peer, other = await made(root), await connect(root.token), await connect()
    async with held(sql, target):
        slow = [await rename(peer, target) for _ in range(32)]
        await in_flight(place, 32)
        quick = await peer.begin("/schema")
        await other.call("/schema")
        assert len(place.door.audience.tasks) == 32
    answered = [(await peer.receive())["id"] for _ in range(33)]
    assert sorted(answered) == [*slow, quick]
    assert answered[0] != quick


async def test_an_abort_waits_with_the_frames(
    root: Api, connect: Connect, place: Place, sql: Sql
) -> None:
    """Beyond the bound nothing is looked at, and nothing is lost."""
    target, peer = await made(root), await connect(root.token)
    async with held(sql, target):
        slow = [await rename(peer, target) for _ in range(32)]
        await in_flight(place, 32)
        await peer.tell("/abort", slow[-1])
        last = await peer.begin("session/read")
    assert "result" in await peer.answer(last)


async def test_an_aborted_call_is_not_answered(
    root: Api, connect: Connect, place: Place, sql: Sql
) -> None:
    """It runs to its end all the same: what it changes is changed."""
    target, peer = await made(root), await connect(root.token)
    async with held(sql, target):
        slow = await rename(peer, target)
        await blocked(sql, 1)
        await peer.tell("/abort", slow)
        quick = await peer.begin("session/read")
        assert (await peer.receive())["id"] == quick
    await in_flight(place, 0)
    last = await peer.begin("session/read")
    assert (await peer.receive())["id"] == last
    assert await names(root) == ["renamed", "root"]


async def test_an_abort_is_for_one_connection(root: Api, connect: Connect, sql: Sql) -> None:
    """The same id over another connection is another call."""
    target, peer, other = await made(root), await connect(root.token), await connect(root.token)
    async with held(sql, target):
        slow = await rename(peer, target)
        await blocked(sql, 1)
        await other.tell("/abort", slow)
        await other.call("/schema")
    assert "result" in await peer.answer(slow)


async def test_one_id_twice_is_answered_twice(root: Api, connect: Connect, sql: Sql) -> None:
    """Two calls are two, however a client counts."""
    target, peer = await made(root), await connect(root.token)
    body = {"jsonrpc": "2.0", "method": "/v1/api-tokens/update", "id": "same"}
    async with held(sql, target):
        for name in ("one", "two"):
            await peer.send({**body, "params": [target, {"name": name}]})
        await blocked(sql, 2)
    answers = [await peer.answer("same"), await peer.answer("same")]
    assert {answer["result"]["data"]["name"] for answer in answers} == {"one", "two"}


async def test_a_token_disabled_in_mid_call(
    root: Api, member: MemberMaker, connect: Connect, sql: Sql
) -> None:
    """The call that has begun is answered; the client is told, and the next call refused."""
    alice = await member("alice")
    target, peer = (await alice("api-tokens/create", "target"))["id"], await connect(alice.token)
    async with held(sql, target):
        slow = await rename(peer, target)
        await blocked(sql, 1)
        await root("api-tokens/set-enabled", await alice.token_id(), False)
        assert await peer.event() == ["sessionDisable"]
        assert await peer.code() == -32813
    assert (await peer.answer(slow))["result"]["data"]["name"] == "renamed"


async def test_a_call_outlives_its_connection(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """Whoever is gone in mid-call has changed what they asked for; nothing is left of them."""
    target = await made(root)
    async with held(sql, target):
        async with raw(place.url, root.token) as client:
            body = b'{"jsonrpc":"2.0","method":"/v1/api-tokens/update","id":1,"params":'
            client.send(TEXT, body + f'["{target}",{{"name":"renamed"}}]}}'.encode())
            await blocked(sql, 1)
        await until(lambda: nobody_left(place))
        assert len(place.door.audience.tasks) == 1
    await in_flight(place, 0)
    assert await names(root) == ["renamed", "root"]


async def nobody_left(place: Place) -> bool:
    """Whether every connection is closed."""
    return not place.door.audience.connections


async def test_a_batch_outlives_its_connection(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """All of its calls run, though some begin when the client is gone."""
    target = await made(root)
    each = '{"jsonrpc":"2.0","method":"/v1/api-tokens/update","params":["%s",{"name":"n%d"}]}'
    async with held(sql, target), raw(place.url, root.token) as client:
        batch = ",".join(each % (target, number) for number in range(6))
        client.send(TEXT, f"[{batch}]".encode())
        await blocked(sql, 3)
        client.abort()
    await until(place.is_quiet)
    assert len(await root("audit/read", {"where": {"action": "api-tokens/update"}})) == 6


async def test_batches_come_one_after_the_other(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """What a batch has gathered is kept until it is whole: of one at a time."""
    target, peer = await made(root), await connect(root.token)
    call = {"jsonrpc": "2.0", "method": "/v1/api-tokens/update", "params": [target, {"name": "x"}]}
    async with held(sql, target):
        await peer.send([{**call, "id": 1}])
        await blocked(sql, 1)
        await peer.send([{"jsonrpc": "2.0", "method": "/schema", "id": 2}])
        await (await connect()).call("/schema")
        assert len(place.door.audience.tasks) == 1
    assert [(await peer.receive())[0]["id"] for _ in range(2)] == [1, 2]


async def test_closes_politely_in_mid_call(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """Who says goodbye is not kept waiting for calls whose answers they no longer want."""
    target, peer = await made(root), await connect(root.token)
    async with held(sql, target):
        await rename(peer, target)
        await blocked(sql, 1)
        async with asyncio.timeout(5):
            await peer.websocket.close()
        assert peer.websocket.close_code == 1000
        await until(lambda: nobody_left(place))
    await in_flight(place, 0)
    assert await names(root) == ["renamed", "root"]


async def test_long_frames_take_the_place_of_several_calls(
    root: Api, connect: Connect, place: Place, sql: Sql
) -> None:
    """What calls in flight hold is bounded: few of those with long arguments run at a time."""
    target, peer = await made(root), await connect(root.token)
    padding = "x" * (root.services.settings.body_limit // 2)
    call = {"jsonrpc": "2.0", "method": UPDATE, "params": [target, {"name": "x"}]}
    async with held(sql, target):
        for call_id in range(3):
            await peer.send({**call, "id": call_id, "padding": padding})
        await blocked(sql, 1)
        await (await connect()).call("/schema")
        assert len(place.door.audience.tasks) == 1
    assert [(await peer.receive())["id"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("junk", [True, None, "1", [1]])
async def test_an_abort_names_the_very_id(
    root: Api, connect: Connect, sql: Sql, place: Place, junk: object
) -> None:
    """What is only like it aborts nothing, a call without an id neither."""
    target, peer = await made(root), await connect(root.token)
    async with held(sql, target):
        call = {"jsonrpc": "2.0", "method": UPDATE, "params": [target, {"name": "x"}]}
        await peer.send({**call, "id": 1})
        await blocked(sql, 1)
        await peer.tell("/abort", junk)
    assert (await peer.answer(1))["id"] == 1
