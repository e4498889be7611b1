"""Starts the service, says so, and ends it well."""

import asyncio
import gc
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Final

from aiohttp import web

from app.config import Settings
from app.door import Door, Server
from app.errors import CannotStart
from app.services import Services, open_services

BACKLOG: Final = 1024  # connections that may wait to be accepted
# Seconds between two looks at where another process should accept connections, and after how many
# looks at which some were waiting it is taken to be frozen, gone or overloaded.
LOOK: Final = 0.1
NEGLECTED: Final = 3
_FIRST_START: Final = """\
First start: the user "root" was made, with this token and this password. They are shown this once:

    token     {token}
    password  {password}

To make the first API token of your own:

    curl -X POST {url}/v1/api-tokens/create \\
        -H 'Authorization: Bearer {token}' \\
        -H 'Content-Type: application/json' -d '["my-first-token"]'
"""


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; says on stdout when it can answer.

    Raises:
        CannotStart: something is missing or wrong; the text is one line for the operator.
    """
    with suppress(asyncio.CancelledError):
        cancel_on_signals()
        async with (
            open_services(settings, serving=True) as services,
            listening(services) as url,
        ):
            await welcome(services, url)
            keep_out_of_collections()
            await asyncio.Event().wait()


def keep_out_of_collections() -> None:
    """Have the garbage collector not look again at what is there to stay, modules and the like.

    Going through all of it holds every call up for tens of milliseconds, each time.
    """
    gc.collect()
    gc.freeze()


async def welcome(services: Services, url: str) -> None:
    """Say that the service answers; on a first start make root, and show the secrets."""
    secrets = await services.first_start()
    if secrets:
        text = _FIRST_START.format(**secrets._asdict(), url=url)
        print(text, file=sys.stderr, flush=True)
    print(f"api-tokens ready on {url}", flush=True)


@asynccontextmanager
async def listening(services: Services) -> AsyncIterator[str]:
    """Answer at the address of the settings until the block ends, as `answering` does."""
    async with bound(services.settings) as sockets, answering(services, sockets):
        yield url_of(services.settings, sockets)


@asynccontextmanager
async def bound(settings: Settings, *, shared: bool = False) -> AsyncIterator[list[socket.socket]]:
    """Sockets that listen at the address of the settings; closed at the end.

    Args:
        settings: which of them say where.
        shared: whether others may listen there too; the kernel deals connections out to all.

    Raises:
        CannotStart: somebody else listens there, or nobody may.
    """
    with ExitStack() as stack:
        try:
            # asyncio knows which sockets an address needs; they are to outlive its server.
            server = await asyncio.get_running_loop().create_server(
                asyncio.Protocol,
                settings.host,
                settings.port,
                start_serving=False,
                reuse_port=shared,
            )
            numbers = [os.dup(own.fileno()) for own in server.sockets]
            sockets = [stack.enter_context(socket.socket(fileno=number)) for number in numbers]
            server.close()
            for listener in sockets:
                listener.listen(BACKLOG)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise CannotStart(f"cannot listen on {where}: {error.strerror}") from None
        yield sockets


@asynccontextmanager
async def answering(
    services: Services, sockets: Sequence[socket.socket], neglected: Sequence[socket.socket] = ()
) -> AsyncIterator[None]:
    """Accept connections; at the end stop accepting and finish what is in flight, bounded.

    Args:
        services: what answers.
        sockets: where connections come in.
        neglected: where another process should take them, but may be frozen or gone.
    """
    settings, door = services.settings, Door(services)
    server = Server(door.handle, keepalive_timeout=settings.keepalive_timeout)
    runner = web.ServerRunner(server, shutdown_timeout=settings.shutdown_timeout)
    await runner.setup()
    helping = [asyncio.create_task(_help_out(listener, server)) for listener in neglected]
    try:
        for listener in sockets:
            await web.SockSite(runner, listener, backlog=BACKLOG).start()
        yield
    finally:
        await door.close()
        for task, listener in zip(helping, neglected, strict=True):
            task.cancel()
            listener.close()
        await runner.cleanup()


async def _help_out(listener: socket.socket, server: Server) -> None:
    """Take the connections that are left waiting where another process should take them."""
    loop = asyncio.get_running_loop()
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    listener.setblocking(False)
    seen = 0
    while True:
        await asyncio.sleep(LOOK)
        seen = seen + 1 if waiting.poll(0) else 0
        if seen == NEGLECTED:
            seen = 0
            with suppress(OSError):  # nobody waits any more
                while True:
                    connection, _ = listener.accept()
                    await loop.connect_accepted_socket(server, connection)


def url_of(settings: Settings, sockets: Sequence[socket.socket]) -> str:
    """Where the service is, whatever port it was given."""
    host, port = settings.host, sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def cancel_on_signals(numbers: Iterable[int] = (signal.SIGTERM, signal.SIGINT)) -> None:
    """End the task that runs the service on the first of these signals; later ones do nothing."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task

    def stop() -> None:
        if not task.cancelling():
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop)


def log_to_stderr() -> None:
    """One line for each thing worth telling."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
