"""HTTP requests in → a wire or health; an answer out, in JSON whatever happens. Decides nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from aiohttp import web

from app import console_api, docs
from app.call import Failure, Request, Success
from app.errors import Code, Refusal, bad_request
from app.pages import Pages
from app.services import Services
from app.wire import addresses, console_v1, cors, envelope, forward_auth, oauth, positional, rpc
from app.wire.arrival import Arrival
from app.wire.headers import verb_refused
from app.wire.http import Answer, Received, new_request_id, request_id
from app.wire.response import Response
from app.wire.websocket import handshake
from app.wire.websocket.audience import Audience
from app.wire.websocket.connection import Bounds
from app.wire.websocket.outbox import WRITER_LIMIT

log = logging.getLogger("api_tokens")

PROBES: Final = frozenset({"/health", "/ready"})
Route: TypeAlias = Callable[[web.BaseRequest, str], Awaitable[Answer]]
# Paths whose refusals have a form of their own.
_REFUSED: Final[Mapping[str, Callable[[Failure, str], Answer]]] = {
    **dict.fromkeys(oauth.ENDPOINTS, oauth.refused),
    forward_auth.PATH: forward_auth.refused,
}


class Door:
    """Where requests come in: each is read whole, handed to its wire, and answered."""

    def __init__(self, services: Services) -> None:
        settings, registry = services.settings, services.dispatcher.registry
        self._services = services
        self._dispatcher = services.dispatcher
        self._settings = settings
        self._arrival = Arrival(settings.body_limit, settings.body_timeout)
        self._trusted = addresses.networks(settings.trusted_proxies)
        self._origins = cors.origins(settings.cors_origin)
        self._gateway_secret = forward_auth.secret(settings.gateway_token)
        self._pages = Pages(registry)
        schema = Success(docs.openrpc(registry, version("api-tokens")))
        # Paths that are no methods and answer the same to everybody: the OpenRPC document, and
        # the events that clients send, of which there are none to know.
        self._fixed = {"/api/schema": schema, "/api/publish": Success()}
        # Every other path is that of a method, or of none.
        self._routes: dict[str, Route] = {
            **dict.fromkeys(PROBES, self._probe),
            **dict.fromkeys(self._pages.paths, self._read_page),
            **dict.fromkeys(rpc.PATHS, self._call_by_envelope),
            **dict.fromkeys(oauth.ENDPOINTS, self._ask_by_form),
            forward_auth.PATH: self._ask_for_gateway,
        }
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
        identity, path = request_id(request.headers), request.path
        try:
            if path in handshake.PATHS and handshake.is_asked_for(request.method, request.headers):
                return await self._attend(request, identity)
            answer = self._preflight(request, identity) if request.method == "OPTIONS" else None
            if answer is None:
                answer = await (self._routes.get(path) or self._route(path))(request, identity)
        except Refusal as refusal:
            answer = _refused(path, refusal, identity)
        except Exception:
            log.exception("request %s failed", identity)
            answer = _refused(path, Refusal(Code.INTERNAL), identity)
        if self._origins:
            answer.headers = {**self._allowance(request), **answer.headers}
        # Where there is more of a body it is not wanted: that is the end of the connection.
        return Response(request, answer, request.content.at_eof())

    def _preflight(self, request: web.BaseRequest, identity: str) -> Answer | None:
        """The answer to a browser that asks before it calls; a gateway asks for others."""
        if request.path == forward_auth.PATH:
            return None
        return cors.preflight(request.method, request.headers, self._origins, identity)

    def _route(self, path: str) -> Route:
        """What answers where nothing stands by itself: a method, or the older console's API."""
        return self._call_by_fields if console_api.is_below(path) else self._call

    async def _received(self, request: web.BaseRequest) -> Received:
        """A request with all of its body."""
        if self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
        body = await self._arrival.body(request)
        address = self._address(request)
        return Received(request.method, request.path, request.headers, body, address)

    async def _call(self, request: web.BaseRequest, identity: str) -> Answer:
        """The call of a method, or what answers the same to everybody."""
        received = await self._received(request)
        fixed = self._fixed.get(received.path)
        return await positional.answer(self._dispatcher, received, identity, fixed)

    async def _call_by_envelope(self, request: web.BaseRequest, identity: str) -> Answer:
        received = await self._received(request)
        return await rpc.answer(self._dispatcher, received, identity, self._settings.batch_limit)

    async def _ask_by_form(self, request: web.BaseRequest, identity: str) -> Answer:
        return await oauth.answer(self._dispatcher, await self._received(request), identity)

    async def _call_by_fields(self, request: web.BaseRequest, identity: str) -> Answer:
        received = await self._received(request)
        received = replace(received, query=request.rel_url.raw_query_string)
        return await console_v1.answer(self._dispatcher, received, identity)

    async def _read_page(self, request: web.BaseRequest, identity: str) -> Answer:
        return await self._pages.answer(await self._received(request), identity)

    async def _ask_for_gateway(self, request: web.BaseRequest, identity: str) -> Answer:
        """Forward-auth, whatever the verb and whatever there is of a body."""
        if self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
        received = Received(
            request.method,
            request.path,
            request.headers,
            address=self._address(request),
            query=request.rel_url.raw_query_string,
        )
        return await forward_auth.answer(self._dispatcher, received, identity, self._gateway_secret)

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

    def _allowance(self, request: web.BaseRequest) -> Mapping[str, str]:
        """What lets pages of others read an answer; gateways hand theirs on to pages of all."""
        is_gateway = request.path == forward_auth.PATH
        return {} if is_gateway else cors.allowance(request.headers, self._origins)

    def _address(self, request: web.BaseRequest) -> str:
        if not self._trusted:
            return request.remote or ""
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


def _refused(path: str, refusal: Refusal, identity: str) -> Answer:
    failure = Failure.of(refusal)
    if console_api.is_below(path):
        return console_v1.refused(failure, identity, path)
    return _REFUSED.get(path, envelope.render)(failure, identity)


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
        return Response(request, answer, False)


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
