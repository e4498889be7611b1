"""HTTP paths → wire, health; decides nothing."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Final

import orjson
from aiohttp import web

from app import docs
from app.call import Failure, Success
from app.config import Settings
from app.errors import CannotStart, Code, Refusal
from app.services import Services, open_services
from app.wire import envelope, positional
from app.wire.http import Answer, Received, request_id

log = logging.getLogger("api_tokens")

# How long a connection may sit idle between two calls, in seconds: longer than gateways keep them.
KEEPALIVE: Final = 75.0

_FIRST_START: Final = """\
First start: the user "root" was made, with this token. It is shown this once:

    {token}

To make the first API token of your own:

    curl -X POST {url}/v1/api-tokens/create \\
        -H 'Authorization: Bearer {token}' \\
        -H 'Content-Type: application/json' -d '["my-first-token"]'
"""

Wire = Callable[[Services, Received, str], Awaitable[Answer]]


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; says on stdout when it can answer.

    Raises:
        CannotStart: something is missing or wrong; the text is one line for the operator.
    """
    with suppress(asyncio.CancelledError):
        _cancel_on_signals()
        async with (
            open_services(settings, serving=True) as services,
            _listening(services) as url,
        ):
            token = await services.first_token()
            if token:
                print(_FIRST_START.format(token=token, url=url), file=sys.stderr, flush=True)
            print(f"api-tokens ready on {url}", flush=True)
            await asyncio.Event().wait()


@asynccontextmanager
async def _listening(services: Services) -> AsyncIterator[str]:
    """Accept connections; at the end stop accepting and finish what is in flight, bounded."""
    settings, door = services.settings, Door(services)
    # Without an Application: its routing costs a fifth of a call, and a dict is all we need.
    server = web.Server(door.handle, access_log=None, keepalive_timeout=KEEPALIVE)
    runner = web.ServerRunner(server, shutdown_timeout=settings.shutdown_timeout)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise CannotStart(f"cannot listen on {where}: {error.strerror}") from None
        yield _url(settings.host, runner.addresses[0][1])
    finally:
        door.closing = True
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cancel_on_signals() -> None:
    """End the task that runs the service on the first SIGTERM or SIGINT; later ones do nothing."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task

    def stop() -> None:
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


class Door:
    """Where requests come in: bytes to a wire and back, and a JSON answer whatever happens."""

    def __init__(self, services: Services) -> None:
        self._services = services
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
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _answer(self, request: web.BaseRequest, identity: str) -> Answer:
        if self.closing:
            raise Refusal(Code.SHUTTING_DOWN)
        body = await _body(request, self._services.settings.body_limit)
        received = Received(request.method, request.path, request.headers, body)
        return await ROUTES.get(request.path, _call)(self._services, received, identity)


async def _body(request: web.BaseRequest, limit: int) -> bytes:
    """The whole body; one that has arrived already is taken without a turn of the loop."""
    content = request.content
    body = bytearray(content.read_nowait() if content.is_eof() else b"")
    while len(body) <= limit and not content.at_eof():
        body += await content.readany()
    if len(body) > limit:
        raise Refusal(Code.TOO_LARGE)
    return bytes(body)


async def _call(services: Services, received: Received, identity: str) -> Answer:
    return await positional.answer(services.dispatcher, received, identity)


async def _schema(services: Services, _received: Received, identity: str) -> Answer:
    document = docs.openrpc(services.dispatcher.registry, version("api-tokens"))
    return envelope.render(Success(document), identity)


async def _publish(_services: Services, _received: Received, identity: str) -> Answer:
    """Events that the public client sends: there are none to know, and unknown ones are ignored."""
    return envelope.render(Success(), identity)


async def _health(_services: Services, _received: Received, _identity: str) -> Answer:
    return _plain(200, "ok")


async def _ready(services: Services, _received: Received, _identity: str) -> Answer:
    try:
        await services.is_ready()
    except Refusal:
        return _plain(503, "the database does not answer")
    return _plain(200, "ok")


def _plain(status: int, text: str) -> Answer:
    return Answer(status, orjson.dumps({"status": text}), {"Content-Type": "application/json"})


# Every other path names a method.
ROUTES: Final[dict[str, Wire]] = {
    "/health": _health,
    "/ready": _ready,
    "/api/schema": _schema,
    "/api/publish": _publish,
}
