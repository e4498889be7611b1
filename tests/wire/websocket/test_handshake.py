"""The request that opens a WebSocket: which are taken, and which are refused."""

import asyncio
import logging
import re
from typing import Any

import orjson
import pytest

from app.wire.websocket.handshake import PROTOCOL
from tests.conftest import ServicesMaker
from tests.support import Api, until
from tests.wire.websocket.raw import dialled, handshake, raw
from tests.wire.websocket.support import Connect, Place, connecting, opened

SECRET = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"


async def answered(place: Place, *headers: str, path: str = "/api") -> str:
    """The head of the answer to a handshake with these headers."""
    async with dialled(place.url) as client:
        client.writer.write(handshake(*headers, path=path))
        return await client.head()


async def refusal(place: Place, *headers: str) -> tuple[int, Any]:
    """The status and the error of the answer to a handshake that is refused."""
    async with dialled(place.url) as client:
        client.writer.write(handshake(*headers))
        head = await client.head()
        [length] = re.findall(r"\r\nContent-Length: (\d+)\r\n", head)
        assert "\r\nX-Request-Id: " in head
        body = await client.reader.readexactly(int(length))
    return int(head.split()[1]), orjson.loads(body)["error"]


@pytest.mark.parametrize("path", ["/", "/api", "/api/", "/api/?v=1"])
async def test_opens_at_the_base(shared: Api, shared_connect: Connect, path: str) -> None:
    """At each spelling of the base the subprotocol is answered, and calls go through."""
    peer = await shared_connect(shared.token, path)
    assert peer.websocket.protocol == PROTOCOL
    assert (await peer.data("session/read"))["user"]["name"] == "root"


@pytest.mark.parametrize("path", ["/v1/api-tokens/read", "/rpc", "/api/v1/session/read", "/docs"])
async def test_opens_nowhere_else(shared_place: Place, path: str) -> None:
    """At any other path the request is an ordinary one."""
    assert " 101 " not in await answered(shared_place, path=path)


async def test_needs_no_subprotocol(shared: Api, shared_connect: Connect) -> None:
    """Who names none is answered none, and may call all the same."""
    peer = await shared_connect(headers={"Authorization": f"Bearer {shared.token}"}, protocols=())
    assert peer.websocket.protocol is None
    assert await peer.code() is None


async def test_compresses_nothing(shared: Api, shared_place: Place) -> None:
    """An extension that is offered is not agreed to: what unfolds may be anything."""
    head = await answered(shared_place, "Sec-WebSocket-Extensions: permessage-deflate")
    assert head.startswith("HTTP/1.1 101 ")
    assert "extensions" not in head.lower()


async def test_has_a_request_id(shared: Api, shared_place: Place) -> None:
    """The handshake bears the id that the log will have of its calls."""
    head = await answered(shared_place, "X-Request-Id: trace-me")
    assert "\r\nX-Request-Id: trace-me\r\n" in head


BAD = {
    "another version": ["Sec-WebSocket-Version: 8"],
    "no version": ["Sec-WebSocket-Version:"],
    "no key": ["Sec-WebSocket-Key:"],
    "a short key": ["Sec-WebSocket-Key: dGhl"],
    "a key that is not base64": ["Sec-WebSocket-Key: !!!"],
    "a key that is not ASCII": ["Sec-WebSocket-Key: ä"],
    "no upgrade of the connection": ["Connection: keep-alive"],
    "several upgrades": ["Upgrade: h2c, websocket"],
    "another subprotocol": ["Sec-WebSocket-Protocol: graphql-ws"],
    "a token alone": [f"Sec-WebSocket-Protocol: {SECRET}"],
    "the subprotocol below the token": [
        f"Sec-WebSocket-Protocol: {SECRET}",
        f"Sec-WebSocket-Protocol: {PROTOCOL}",
    ],
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
async def test_refuses_what_is_no_handshake_of_ours(
    shared_place: Place, headers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """400, our envelope, and no token in it or in the log."""
    caplog.set_level(logging.DEBUG)
    status, error = await refusal(shared_place, *headers)
    assert (status, error["code"]) == (400, 400)
    assert SECRET not in error["message"] + caplog.text
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_token_is_never_logged(
    shared_connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Good or bad, it stands in no line of the log, aiohttp's neither."""
    caplog.set_level(logging.DEBUG)
    peer = await shared_connect(SECRET)
    assert await peer.code() == -32815
    assert SECRET not in caplog.text


async def test_a_client_that_leaves_at_once_is_not_a_surprise(
    shared_place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """Who says hello and is gone leaves no traceback, and nothing else."""
    for _ in range(20):
        async with dialled(shared_place.url) as client:
            client.writer.write(handshake())
    async with raw(shared_place.url, None):
        pass
    await until(shared_place.is_quiet)
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_closing_service_takes_nobody(place: Place, root: Api) -> None:
    """503: another process may be there by now."""
    place.door.closing = True
    await place.door.close()
    status, error = await refusal(place)
    assert (status, error["code"]) == (503, -32816)


async def test_many_come_and_go(root: Api, place: Place, connect: Connect) -> None:
    """Of two hundred connections, closed one way or the other, nothing is left."""
    peers = await asyncio.gather(*(connect(root.token) for _ in range(200)))
    assert len(place.door.audience.connections) == 200
    await asyncio.gather(*(peer.websocket.close() for peer in peers[:100]))
    for peer in peers[100:]:
        peer.abort()
    await until(place.is_quiet)


async def test_no_more_than_so_many_are_open(shared_services: ServicesMaker) -> None:
    """The next is told to come back later; one that goes makes room."""
    services = await shared_services(websocket_connections=2)
    async with opened(services) as place, connecting(place) as connect:
        first, _ = [await connect() for _ in range(2)]
        await first.call("/schema")
        status, error = await refusal(place)
        assert (status, error["code"]) == (429, -32802)
        await first.websocket.close()

        async def is_open() -> bool:
            return (await answered(place)).startswith("HTTP/1.1 101")

        await until(is_open)
