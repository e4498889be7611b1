"""An answer → the bytes of an HTTP response, which are written at once."""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, web

from app.wire.http import HEADERS, Answer

# What ends every line of a head, and may stand nowhere in one.
_END: Final = "\r\n"
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}{_END}" for status in HTTPStatus
}
# Statuses whose responses have no body, nor the length of one (RFC 9110, section 8.6).
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Response(web.StreamResponse):
    """A response that is whole from the beginning.

    aiohttp's own can be changed until they are sent, compressed, or sent in parts. Nothing of that
    is wanted here, and it takes longer than all that a quick call does besides.
    """

    def __init__(self, request: web.BaseRequest, answer: Answer, keep_alive: bool) -> None:
        # Without the constructor above, which prepares for what is not wanted.
        self._keep_alive = keep_alive and request.keep_alive
        self._bytes = _head(request, answer, self._keep_alive).encode("ascii")
        if request.method != "HEAD" and answer.status not in _BODILESS:
            self._bytes += answer.body

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may serve another request."""
        return bool(self._keep_alive)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it, and wait where a client is slow to read."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._bytes)
        if request.protocol.writing_paused:
            await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to be written."""


def _head(request: web.BaseRequest, answer: Answer, keep_alive: bool) -> str:
    """The status line and the headers, with the empty line that ends them."""
    lines = _COMMON if answer.headers is HEADERS else _lines(answer.headers)
    # A request id is of one line, or it would be none (see `http.request_id`).
    identity = f"X-Request-Id: {answer.request_id}{_END}" if answer.request_id else ""
    length = "" if answer.status in _BODILESS else f"Content-Length: {len(answer.body)}{_END}"
    connection = "" if keep_alive and request.version == HttpVersion11 else _connection(keep_alive)
    date = _date(int(time.time()))
    return f"{_STATUS_LINES[answer.status]}{lines}{identity}{length}{connection}{date}{_END}"


def _connection(keep_alive: bool) -> str:
    return f"Connection: {'keep-alive' if keep_alive else 'close'}{_END}"


def _lines(headers: Mapping[str, str]) -> str:
    lines = "".join([f"{name}: {value}{_END}" for name, value in headers.items()])
    if lines.count("\r") != len(headers) or lines.count("\n") != len(headers):
        message = "a header of an answer has more than one line"
        raise ValueError(message)
    return lines


_COMMON: Final = _lines(HEADERS)


@lru_cache(maxsize=1)
def _date(seconds: int) -> str:
    return f"Date: {formatdate(seconds, usegmt=True)}{_END}"
