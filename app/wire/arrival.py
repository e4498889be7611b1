"""The body of an HTTP request, as it arrives: so much of it, for so long, and no more."""

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp import HttpVersion11, web
from multidict import istr

from app.errors import Code, Refusal

_CONTENT_ENCODING: Final = istr("Content-Encoding")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Takes bodies of up to `limit` bytes, which have `timeout` seconds to arrive."""

    limit: int
    timeout: float

    async def body(self, request: web.BaseRequest) -> bytes:
        """The whole body; one that has arrived already is taken without a turn of the loop.

        Raises:
            Refusal: it is too long, too slow, compressed, or not HTTP.
        """
        if _CONTENT_ENCODING in request.headers and not _is_plain(request):
            raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
        content = request.content
        body = content.read_nowait() if content.is_eof() else await self._arriving(request)
        if len(body) > self.limit:
            raise Refusal(Code.TOO_LARGE)
        return body

    async def _arriving(self, request: web.BaseRequest) -> bytes:
        """A body as it arrives, until it is over the limit."""
        if (request.content_length or 0) > self.limit:
            raise Refusal(Code.TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self.timeout):
                await _continue(request)
                while len(body) <= self.limit and not request.content.at_eof():
                    body += await request.content.readany()
        except TimeoutError:
            raise Refusal(Code.UNDECODABLE_BODY, status=408) from None
        except (web.RequestPayloadError, ConnectionError):
            raise Refusal(Code.UNDECODABLE_BODY) from None
        return bytes(body)


def _is_plain(request: web.BaseRequest) -> bool:
    return request.headers[_CONTENT_ENCODING] == "identity"


async def _continue(request: web.BaseRequest) -> None:
    """Tell a client that asks first (RFC 9110, section 10.1.1) to send its body."""
    asks = request.headers.get("Expect", "").lower() == "100-continue"
    if asks and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp would take the answer for begun
