"""Load over one WebSocket, made by a bare socket: the generator must not be the bottleneck."""

import base64
import os
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from yarl import URL

IN_FLIGHT: Final = 32
CHUNK: Final = 1 << 18
MASK: Final = bytes.fromhex("5a17c3e9")
PATIENCE: Final = 10.0  # seconds to wait for an answer


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: answers in so many seconds, the last one, and how busy this was."""

    calls: int
    seconds: float
    last: bytes
    busy: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds


def load(url: str, token: str, messages: Iterable[bytes], seconds: float) -> Load:
    """What comes of sending these messages over and over, 32 in flight, for so many seconds.

    There must be 32 or more of them, all equally long, and so must all answers be: they are counted
    by their bytes.
    """
    frames = [masked(message) for message in messages]
    assert len(frames) >= IN_FLIGHT
    with opened(URL(url), token) as connection:
        connection.sendall(frames[0])
        first = connection.recv(CHUNK)
        began, used = time.perf_counter(), time.process_time()
        received = _exchange(connection, frames, len(first), began + seconds)
        elapsed = time.perf_counter() - began
        busy = (time.process_time() - used) / elapsed
    calls, rest = divmod(received[0], len(first))
    assert rest == 0, "answers are not equally long"
    return Load(calls, elapsed, received[1][-len(first) :], busy)


def _exchange(
    connection: socket.socket, frames: Sequence[bytes], length: int, until: float
) -> tuple[int, bytes]:
    """Keep so many calls in flight until then; answer the bytes received and the last of them."""
    ring, width, at = b"".join((*frames, *frames[:IN_FLIGHT])), len(frames[0]), 0
    view, sent, received, last = memoryview(ring), 0, 0, b""
    wanted = IN_FLIGHT
    while wanted or received < sent * length:
        connection.sendall(view[at * width : (at + wanted) * width])
        sent, at = sent + wanted, (at + wanted) % len(frames)
        chunk = connection.recv(CHUNK)
        assert chunk, "the server closed the connection"
        received += len(chunk)
        last = (last + chunk)[-2 * length :]
        flying = sent - received // length
        wanted = IN_FLIGHT - flying if time.perf_counter() < until else 0
    return received, last


def opened(url: URL, token: str) -> socket.socket:
    """A WebSocket at /api, ready for frames."""
    assert url.host
    connection = socket.create_connection((url.host, url.port or 80), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /api HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)  # byte by byte: a frame may follow at once
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return connection


def masked(message: bytes) -> bytes:
    """A text frame as clients send it (RFC 6455, section 5.2)."""
    length = len(message)
    short = length < 126
    head = struct.pack("!BB", 0x81, 0x80 | (length if short else 126))
    extended = b"" if short else struct.pack("!H", length)
    body = bytes(byte ^ key for byte, key in zip(message, cycle(MASK), strict=False))
    return head + extended + MASK + body
