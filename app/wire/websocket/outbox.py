"""What a connection sends: one frame after the other, to a client that has to read them."""

import asyncio
import logging
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from app.wire import envelope

log = logging.getLogger("api_tokens")

# Bytes after which a sender looks whether the client still reads: after every frame.
WRITER_LIMIT: Final = 1


class Outbox:
    """Sends frames; a client that leaves them unread for `patience` seconds is cut off.

    Only what the socket's own buffer holds and the frame whose turn it is are kept for a slow
    reader: calls whose answers wait here go on counting as calls in flight.
    """

    __slots__ = ("_patience", "_socket", "_transport", "_turn")

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, patience: float
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._patience = patience
        self._turn = asyncio.Lock()

    async def send(self, document: Any) -> None:
        """Send a JSON value; into the void if the connection is closed."""
        async with self._turn:
            await self._write(envelope.encode(document), WSMsgType.TEXT)

    async def pong(self, message: bytes) -> None:
        """Answer a ping, without waiting for a turn."""
        await self._write(message, WSMsgType.PONG)

    def cut_off(self, why: str = "it does not read") -> None:
        """End the connection without ceremony: the client would not read a goodbye."""
        log.info("cut off a client: %s", why)
        self._transport.abort()

    async def say_goodbye(self) -> None:
        """Close: this process goes away (1001)."""
        timer = asyncio.get_running_loop().call_later(self._patience, self.cut_off)
        try:
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"shutting down")
        finally:
            timer.cancel()

    async def _write(self, frame: bytes, kind: WSMsgType) -> None:
        if self._socket.closed:
            return
        # A bare timer: `asyncio.timeout` would cost more than sending.
        timer = asyncio.get_running_loop().call_later(self._patience, self.cut_off)
        try:
            await self._socket.send_frame(frame, kind)
        except ConnectionError:
            pass  # it has just been closed
        finally:
            timer.cancel()
