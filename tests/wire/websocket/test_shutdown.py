"""The end of the service: calls in flight are answered, then everybody is told goodbye."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from app.config import Settings
from app.wire.websocket.connection import FAREWELL
from app.wire.websocket.handshake import PROTOCOL
from tests.methods.support import Sql, blocked
from tests.support import KEY, Api, Server, running_server, until
from tests.wire.websocket.support import Connect, Peer, Place

GOING_AWAY = 1001
BOUND = 0.5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With patience for calls that a test holds back."""
    return replace(settings, statement_timeout=20)


@asynccontextmanager
async def held(sql: Sql) -> AsyncIterator[None]:
    """Hold back whatever changes a token, until the end of the block."""
    async with sql.transaction():
        await sql.execute("select from api_tokens for update")
        yield


async def rename(peer: Peer, token_id: str) -> int:
    """Begin a call that changes a token; its id."""
    return await peer.begin("api-tokens/update", token_id, {"name": "renamed"})


async def test_everybody_is_told_goodbye(root: Api, place: Place, connect: Connect) -> None:
    """1001: whoever is told so may connect to another process."""
    peers = [await connect(root.token), await connect(), await connect("nonsense")]
    closing = asyncio.create_task(place.door.close())
    assert [await peer.close_code() for peer in peers] == [GOING_AWAY] * 3
    await closing


async def test_calls_in_flight_are_answered_first(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """And calls that come later are refused: another process may take them."""
    peer = await connect(root.token)
    token_id = await root.token_id()
    async with held(sql):
        slow = await rename(peer, token_id)
        await blocked(sql, 1)
        closing = asyncio.create_task(place.door.close())
        assert await peer.code("api-tokens/read") == -32816
    assert (await peer.answer(slow))["result"]["data"]["name"] == "renamed"
    assert await peer.close_code() == GOING_AWAY
    await closing


async def test_a_batch_is_answered_first(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """Those of its calls that have begun; the others are refused."""
    peer = await connect(root.token)
    token_id = await root.token_id()
    update = {"jsonrpc": "2.0", "method": "/v1/api-tokens/update"}
    async with held(sql):
        await peer.send(
            [{**update, "id": n, "params": [token_id, {"name": f"n{n}"}]} for n in range(5)]
        )
        await blocked(sql, 3)
        closing = asyncio.create_task(place.door.close())
        await until(lambda: is_closing(place))
    answers = await peer.receive()
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3, 4]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None] * 4 + [-32816]
    assert await peer.close_code() == GOING_AWAY
    await closing


async def is_closing(place: Place) -> bool:
    """Whether the service has begun to close."""
    return all(connection.closing for connection in place.door.audience.connections)


async def test_a_call_that_takes_too_long_is_not_waited_for(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """After --shutdown-timeout its client is told goodbye without an answer."""
    peer = await connect(root.token)
    token_id = await root.token_id()
    async with held(sql):
        await rename(peer, token_id)
        await blocked(sql, 1)
        place.door.closing = True
        async with asyncio.timeout(BOUND + 3):
            closing = asyncio.create_task(place.door.audience.close(BOUND))
            assert await peer.close_code() == GOING_AWAY
            await closing


async def test_who_does_not_say_goodbye_is_not_waited_for(
    root: Api, place: Place, connect: Connect
) -> None:
    """Not for longer than a client takes that is there."""
    await connect(root.token)
    async with asyncio.timeout(FAREWELL + 3):
        await place.door.close()
    assert not place.door.audience.connections


async def test_a_closed_service_hears_of_nothing(root: Api, place: Place, connect: Connect) -> None:
    """Nobody is left who could be told."""
    peer = await connect(root.token)
    await peer.subscribe()
    await place.door.close()
    assert place.door.audience not in root.services.listener.subscribers


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A server process."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with running_server(*options, environment={"API_TOKENS_KEY": KEY}) as started:
        yield started


async def test_sigterm(server: Server, sql: Sql) -> None:
    """The process answers what is in flight, says goodbye, and ends well."""
    async with aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api", protocols=[PROTOCOL, server.root_token]))
        [row] = await peer.data("api-tokens/read")
        async with held(sql):
            slow = await rename(peer, row["id"])
            await blocked(sql, 1)
            server.process.terminate()

            async def refused() -> bool:
                return await peer.code() == -32816

            await until(refused)
        assert (await peer.answer(slow))["result"]["data"]["name"] == "renamed"
        assert await peer.close_code() == GOING_AWAY
    assert await server.process.wait() == 0
    assert "Traceback" not in server.said()
