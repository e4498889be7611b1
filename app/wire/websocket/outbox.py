"""What a connection sends: one frame after the other, to a client that has to read them."""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from app.wire import envelope

log = logging.getLogger("api_tokens")

# Bytes after which a sender looks whether the client still reads: after every frame.
WRITER_LIMIT: Final = 1
# Bytes that stand before what a frame holds (RFC 6455, section 5.2): a server's have no mask.
LONGEST_HEAD: Final = 10
# The size from which on two bytes tell it, rather than one.
MEDIUM: Final = 126
_GOODBYE: Final = WSCloseCode.GOING_AWAY.to_bytes(2, "big") + b"shutting down"


class Outbox:
    """Sends frames; a client that leaves them unread for `patience` seconds is cut off.

    Only what the socket's own buffer holds and the frame whose turn it is are kept for a slow
    reader: calls whose answers wait here go on counting as calls in flight.

    As long as there is room in that buffer, all that is sent in one turn of the event loop is
    written together: writing takes longer than all else about a quick call.
    """

    __slots__ = (
        *("_highest", "_is_over", "_patience", "_room", "_socket"),
        *("_together", "_transport", "_turn"),
    )

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, patience: float
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._patience = patience
        self._turn = asyncio.Lock()
        self._is_over = False
        _, self._highest = transport.get_write_buffer_limits()
        # What is written at the end of this turn, and room for how many bytes more there is.
        self._together: list[bytes] = []
        self._room = 0

    async def send(self, document: Any) -> None:
        """Send a JSON value; into the void if the connection is closed."""
        text = envelope.encode(document)
        if self._takes(len(text)) and not self._turn.locked():
            self._put(text)
            return
        async with self._turn:
            await self._write(text, WSMsgType.TEXT)

    def flush(self) -> None:
        """Write what was sent in this turn."""
        if self._together and not (self._is_closed or self._transport.is_closing()):
            self._transport.write(b"".join(self._together))
        self._together.clear()

    async def pong(self, message: bytes) -> None:
        """Answer a ping, without waiting for a turn."""
        await self._write(message, WSMsgType.PONG)

    def cut_off(self, why: str = "it does not read") -> None:
        """End the connection without ceremony: the client would not read a goodbye."""
        log.info("cut off a client: %s", why)
        self._transport.abort()

    async def say_goodbye(self) -> None:
        """Say that this process goes away (1001); nothing is sent after that."""
        self.flush()
        self._is_over = True
        with suppress(ConnectionError):
            await self._socket.send_frame(_GOODBYE, WSMsgType.CLOSE)

    async def _write(self, frame: bytes, kind: WSMsgType) -> None:
        if self._is_closed:
            return
        self.flush()
        # A bare timer, and only where the client may have to be waited for: `asyncio.timeout` would
        # cost more than sending, and a timer half as much.
        timer = None
        if not self._takes(len(frame)):
            timer = asyncio.get_running_loop().call_later(self._patience, self.cut_off)
        try:
            await self._socket.send_frame(frame, kind)
        except ConnectionError:
            pass  # it has just been closed
        finally:
            if timer:
                timer.cancel()

    def _takes(self, size: int) -> bool:
        """Whether so many bytes more are sent or kept without anybody waiting."""
        if not self._together:
            self._room = self._highest - self._transport.get_write_buffer_size()
        return size + LONGEST_HEAD <= self._room

    def _put(self, text: bytes) -> None:
        if not self._together:
            asyncio.get_running_loop().call_soon(self.flush)
        self._together += (_head(len(text)), text)
        self._room -= len(text) + LONGEST_HEAD

    @property
    def _is_closed(self) -> bool:
        return self._is_over or self._socket.closed


def _head(size: int) -> bytes:
    """What stands before a text of so many bytes (RFC 6455, section 5.2): whole, and not masked."""
    if size < MEDIUM:
        return bytes((0x81, size))
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")
