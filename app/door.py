"""HTTP requests in → a wire or health; an answer out, in JSON whatever happens. Decides nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, Final

from aiohttp import HttpVersion11, web

from app import docs
from app.call import Failure, Request, Success
from app.errors import Code, Refusal, bad_request
from app.pages import Pages
from app.services import Services
from app.wire import addresses, cors, envelope, positional, rpc
from app.wire.headers import verb_refused
from app.wire.http import Answer, Received, new_request_id, request_id
from app.wire.websocket import handshake
from app.wire.websocket.audience import Audience
from app.wire.websocket.connection import Bounds
from app.wire.websocket.outbox import WRITER_LIMIT

log = logging.getLogger("api_tokens")

PROBES: Final = frozenset({"/health", "/ready"})


class Door:
    """Where requests come in: each is read whole, handed to its wire, and answered."""

    def __init__(self, services: Services) -> None:
        settings, registry = services.settings, services.dispatcher.registry
        self._services = services
        self._settings = settings
        self._trusted = addresses.networks(settings.trusted_proxies)
        self._origins = cors.origins(settings.cors_origin)
        self._pages = Pages(registry)
        schema = Success(docs.openrpc(registry, version("api-tokens")))
        # Paths that are no methods and answer the same to everybody: the OpenRPC document, and
        # the events that clients send, of which there are none to know.
        self._fixed = {"/api/schema": schema, "/api/publish": Success()}
        bounds = Bounds(
            calls=settings.websocket_calls,
            frame=settings.body_limit,
            batch=settings.batch_limit,
            patience=settings.websocket_patience,
        )
        self.audience = Audience(services.dispatcher, services.listener, bounds, schema)
        self.closing = False

    async def close(self) -> None:
        """Take nothing more; let the calls on WebSockets come to their end."""
        self.closing = True
        await self.audience.close(self._settings.shutdown_timeout)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        identity = request_id(request.headers)
        try:
            if handshake.is_handshake(request.method, request.path, request.headers):
                return await self._attend(request, identity)
            answer = await self._answer(request, identity)
        except Refusal as refusal:
            answer = envelope.render(Failure.of(refusal), identity)
        except Exception:
            log.exception("request %s failed", identity)
            answer = envelope.render(Failure.of(Refusal(Code.INTERNAL)), identity)
        more = cors.allowance(request.headers, self._origins) if self._origins else {}
        headers = {**more, **answer.headers} if more else answer.headers
        response = web.Response(status=answer.status, body=answer.body, headers=headers)
        if not request.content.at_eof():
            response.force_close()  # the rest of the body is not wanted
        return response

    async def _answer(self, request: web.BaseRequest, identity: str) -> Answer:
        if request.path in PROBES:
            return await self._probe(request, identity)
        if self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
        verb, path, headers = request.method, request.path, request.headers
        asked_first = cors.preflight(verb, headers, self._origins, identity)
        if asked_first:
            return asked_first
        body = await self._body(request)
        received = Received(verb, path, headers, body, self._address(request))
        dispatcher = self._services.dispatcher
        if path in rpc.PATHS:
            return await rpc.answer(dispatcher, received, identity, self._settings.batch_limit)
        page = await self._pages.answer(received, identity)
        return page or await positional.answer(
            dispatcher, received, identity, self._fixed.get(path)
        )

    async def _attend(self, request: web.BaseRequest, identity: str) -> web.StreamResponse:
        """Open a WebSocket, whoever calls, and serve it until it is closed."""
        if self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
        if len(self.audience.connections) >= self._settings.websocket_connections:
            raise Refusal(Code.TOO_MANY_REQUESTS, "Too many WebSockets are open")
        socket = web.WebSocketResponse(
            protocols=handshake.protocols(request.headers),
            # A ping after so long without a sign of life, and half as long for the answer.
            heartbeat=self._settings.websocket_idle * 2 / 3,
            max_msg_size=self._settings.body_limit + 1,  # aiohttp takes less than that
            autoping=False,  # pongs are sent as answers are: not to whoever reads nothing
            writer_limit=WRITER_LIMIT,
            compress=False,  # nobody needs it, and what unfolds may be anything
            decode_text=False,
        )
        if not socket.can_prepare(request):
            raise bad_request("Not a WebSocket handshake")
        socket.headers.update({"Server": "api-tokens", "X-Request-Id": identity})
        credentials = handshake.shown(request.headers)
        at = Request("", [], credentials, id=identity, address=self._address(request))
        try:
            await socket.prepare(request)
        except ConnectionError:
            return web.Response()  # the client has gone already, and sees nothing of it
        transport = request.transport
        assert transport
        try:
            await self.audience.attend(socket, transport, at)
        except Exception:
            log.exception("request %s failed", identity)
            transport.abort()  # it has been answered: there is no other way to say so
        finally:
            if transport.get_write_buffer_size():  # a client that reads nothing must not linger
                patience = self._settings.websocket_patience
                asyncio.get_running_loop().call_later(patience, transport.abort)
        return socket

    def _address(self, request: web.BaseRequest) -> str:
        forwarded = request.headers.getall("X-Forwarded-For", ())
        return addresses.client(request.remote, forwarded, self._trusted)

    async def _probe(self, request: web.BaseRequest, identity: str) -> Answer:
        """Health: the process lives. Readiness: calls go well, and will for a while."""
        if request.method not in {"GET", "HEAD"}:
            return verb_refused(identity, "GET", "HEAD")
        if request.path == "/ready" and self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
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
        if len(body) > self._settings.body_limit:
            raise Refusal(Code.TOO_LARGE)
        return body

    async def _arriving_body(self, request: web.BaseRequest) -> bytes:
        """A body as it arrives, until it is over the limit; for so long and no longer."""
        limit = self._settings.body_limit
        if (request.content_length or 0) > limit:
            raise Refusal(Code.TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_timeout):
                await _continue(request)
                while len(body) <= limit and not request.content.at_eof():
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
