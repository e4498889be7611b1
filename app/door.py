"""HTTP requests in → a wire or health; an answer out, in JSON whatever happens. Decides nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, Final

from aiohttp import HttpVersion11, web

from app import docs
from app.call import Failure, Success
from app.errors import Code, Refusal
from app.services import Services
from app.wire import addresses, envelope, positional
from app.wire.http import Answer, Received, new_request_id, request_id

log = logging.getLogger("api_tokens")

VERBS: Final = frozenset({"GET", "HEAD", "POST"})
PROBES: Final = frozenset({"/health", "/ready"})


class Door:
    """Where requests come in: each is read whole, handed to its wire, and answered."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = services.settings.body_limit
        self._patience = services.settings.body_timeout
        self._trusted = addresses.networks(services.settings.trusted_proxies)
        registry = services.dispatcher.registry
        # Paths that are no methods and answer the same to everybody: the OpenRPC document, and
        # the events the public client sends, of which there are none to know.
        self._fixed = {
            "/api/schema": Success(docs.openrpc(registry, version("api-tokens"))),
            "/api/publish": Success(),
        }
        self.closing = False

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        identity = request_id(request.headers)
        try:
            answer = await self._answer(request, identity)
        except Refusal as refusal:
            answer = envelope.render(Failure.of(refusal), identity)
        except Exception:
            log.exception("request %s failed", identity)
            answer = envelope.render(Failure.of(Refusal(Code.INTERNAL)), identity)
        response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        if not request.content.at_eof():
            response.force_close()  # the rest of the body is not wanted
        return response

    async def _answer(self, request: web.BaseRequest, identity: str) -> Answer:
        if self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
        if request.path in PROBES:
            return await self._probe(request, identity)
        body = await self._body(request)
        address = addresses.client(
            request.remote, request.headers.getall("X-Forwarded-For", ()), self._trusted
        )
        received = Received(request.method, request.path, request.headers, body, address)
        dispatcher, fixed = self._services.dispatcher, self._fixed.get(request.path)
        return await positional.answer(dispatcher, received, identity, fixed)

    async def _probe(self, request: web.BaseRequest, identity: str) -> Answer:
        """Health: the process lives. Readiness: the database answers as well, up to date."""
        if request.method not in VERBS:
            raise Refusal(Code.VERB_NOT_ALLOWED)
        ready = request.path == "/health" or await self._services.is_ready()
        text = "ok" if ready else "the database does not answer"
        return envelope.plain(200 if ready else 503, {"status": text}, identity)

    async def _body(self, request: web.BaseRequest) -> bytes:
        """The whole body; one that has arrived already is taken without a turn of the loop."""
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
        content = request.content
        if content.is_eof():
            body = content.read_nowait()
        else:
            body = await self._arriving_body(request)
        if len(body) > self._limit:
            raise Refusal(Code.TOO_LARGE)
        return body

    async def _arriving_body(self, request: web.BaseRequest) -> bytes:
        """A body as it arrives, until it is over the limit; for so long and no longer."""
        if (request.content_length or 0) > self._limit:
            raise Refusal(Code.TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._patience):
                await _continue(request)
                while len(body) <= self._limit and not request.content.at_eof():
                    body += await request.content.readany()
        except TimeoutError:
            raise Refusal(Code.UNDECODABLE_BODY, status=408) from None
        except (web.RequestPayloadError, ConnectionError):
            raise Refusal(Code.UNDECODABLE_BODY) from None
        return bytes(body)


async def _continue(request: web.BaseRequest) -> None:
    """Tell a client that asks first (RFC 9110, section 10.1.1) to send its body."""
    asks = request.headers.get("Expect", "").lower() == "100-continue"
    if asks and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp would take the answer for begun


class Connection(web.RequestHandler):
    """A connection whose malformed requests are answered like all others, and not logged whole.

    aiohttp itself logs them with a traceback that quotes them: tokens would stand in the log.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """The answer to what is not HTTP."""
        log.info("malformed request from %s: %s", request.remote, type(exc).__name__)
        failure = Failure.of(Refusal(Code.BAD_REQUEST, status=status))
        answer = envelope.render(failure, new_request_id())
        response = web.Response(status=status, body=answer.body, headers=answer.headers)
        response.force_close()
        return response


class Server(web.Server):
    """Makes those connections. Without an Application: a dict routes a fifth of a call faster."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        keepalive_timeout: float,
    ) -> None:
        self._options: dict[str, Any] = {
            "access_log": None,
            # What is compressed is refused: nobody needs it, and it may unfold to anything.
            "auto_decompress": False,
            "keepalive_timeout": keepalive_timeout,
            "lingering_time": 1.0,
        }
        super().__init__(handler, **self._options)

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._options)
