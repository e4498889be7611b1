"""Clients that are gone, or hardly there: noticed, closed, and nothing of them left."""

import asyncio
import time
from dataclasses import replace
from typing import Final

import orjson
import pytest

from app.config import Settings
from tests.support import Api, until
from tests.wire.websocket.raw import PING, PONG, TEXT, frame, raw
from tests.wire.websocket.support import Connect, Place

IDLE: Final = 0.3
CALL: Final = frame(TEXT, b'{"jsonrpc":"2.0","method":"/v1/session/read","id":1}')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With little patience for clients that give no sign of life."""
    return replace(settings, websocket_idle=IDLE)


async def test_a_half_open_connection_is_closed(root: Api, place: Place, connect: Connect) -> None:
    """Who answers no ping within --websocket-idle is gone."""
    began = time.monotonic()
    async with raw(place.url, root.token) as client:
        assert await client.receive() == (PING, b"")
        with pytest.raises(asyncio.IncompleteReadError):
            await client.receive()
        await until(place.is_quiet)
    assert IDLE * 0.9 <= time.monotonic() - began < IDLE * 20


async def test_a_half_open_connection_with_answers_unread_is_closed(
    root: Api, place: Place, connect: Connect
) -> None:
    """What it was still to be sent is not kept for it."""
    async with raw(place.url, root.token) as client:
        for call_id in range(200):
            client.call("/schema", call_id)
        await until(lambda: has_one(place))
        await until(place.is_quiet)


async def has_one(place: Place) -> bool:
    """Whether the client has arrived."""
    return len(place.door.audience.connections) == 1


async def test_who_answers_pings_stays(root: Api, place: Place, connect: Connect) -> None:
    """For many times as long as a silent client may."""
    async with raw(place.url, root.token) as client:
        for _ in range(6):
            assert await client.receive() == (PING, b"")
            client.send(PONG)
        client.writer.write(CALL)
        _, answer = await client.receive()
    assert orjson.loads(answer)["id"] == 1


async def test_a_frame_may_come_byte_by_byte(root: Api, place: Place, connect: Connect) -> None:
    """It is answered when it is whole."""
    async with raw(place.url, root.token) as client:
        for byte in CALL:
            client.writer.write(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        _, answer = await client.receive()
    assert "result" in orjson.loads(answer)


async def test_a_byte_is_a_sign_of_life(root: Api, place: Place, connect: Connect) -> None:
    """Who sends a frame slowly is there, even if no pong is."""
    async with raw(place.url, root.token) as client:
        for byte in CALL[:6]:
            client.writer.write(bytes([byte]))
            assert await client.receive() == (PING, b"")
        client.writer.write(CALL[6:])
        _, answer = await client.receive()
    assert "result" in orjson.loads(answer)


@pytest.mark.parametrize("size", [1, 3, 20])
async def test_gone_in_the_middle_of_a_frame(
    root: Api, place: Place, connect: Connect, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    """Nobody is surprised, and what was half said is not done."""
    async with raw(place.url, root.token) as client:
        client.writer.write(CALL[:size])
        await client.writer.drain()
    await until(place.is_quiet)
    assert not caplog.records


async def test_gone_without_a_word(root: Api, place: Place, connect: Connect) -> None:
    """A connection that is closed without a closing frame is over."""
    async with raw(place.url, root.token) as client:
        client.writer.write(CALL)
        await client.receive()
        client.writer.write_eof()
        await until(place.is_quiet)
