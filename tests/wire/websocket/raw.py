"""A client of the WebSocket wire that sends any bytes, and reads only when it is told to."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

import orjson
from yarl import URL

from tests.wire.websocket.support import PATIENCE, spelled

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0


class Raw(NamedTuple):
    """A client that sends bytes as they are, and reads only when it is told to."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, opcode: int, payload: bytes = b"", *, final: bool = True) -> None:
        """Send a frame, masked with zeros, as far as the system takes it."""
        self.writer.write(frame(opcode, payload, final=final))

    def call(self, method: str, call_id: Any = 1) -> None:
        """Send a call without arguments."""
        body = {"jsonrpc": "2.0", "method": spelled(method), "id": call_id}
        self.send(TEXT, orjson.dumps(body))

    async def head(self) -> str:
        """The head of the answer to the handshake."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def receive(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload."""
        async with asyncio.timeout(PATIENCE):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                [length] = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                [length] = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0xF, await self.reader.readexactly(length)

    async def close_code(self) -> int:
        """The code with which the service closes; what it sends before is passed over."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")

    def abort(self) -> None:
        """Be gone, without a word."""
        self.writer.transport.abort()


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A frame as a client sends it, masked with zeros (RFC 6455, section 5.2)."""
    first = opcode | (0x80 if final else 0)
    if len(payload) < 126:
        head = struct.pack("!BB", first, 0x80 | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, len(payload))
    return head + b"\0\0\0\0" + payload


@asynccontextmanager
async def dialled(url: str) -> AsyncIterator[Raw]:
    """A TCP connection whose buffers are small, so that not reading is noticed early."""
    place = URL(url)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (place.host, place.port))
    client = Raw(*await asyncio.open_connection(sock=plain, limit=1024))
    try:
        yield client
    finally:
        client.abort()
        with suppress(ConnectionError):
            await client.writer.wait_closed()


def handshake(*headers: str, path: str = "/api") -> bytes:
    """The head of a handshake, with more headers or others in place of the usual ones."""
    names = {header.partition(":")[0].lower() for header in headers}
    usual = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    ]
    kept = [header for header in usual if header.partition(":")[0].lower() not in names]
    return "\r\n".join([f"GET {path} HTTP/1.1", *kept, *headers, "", ""]).encode()


@asynccontextmanager
async def raw(url: str, token: str | None, *headers: str) -> AsyncIterator[Raw]:
    """A client that has said hello, and may do anything now."""
    bearer = [f"Authorization: Bearer {token}"] if token else []
    async with dialled(url) as client:
        client.writer.write(handshake(*bearer, *headers))
        head = await client.head()
        assert head.startswith("HTTP/1.1 101 "), head
        yield client
