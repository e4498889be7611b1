"""Starts the service, says so, and ends it well."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web

from app.config import Settings
from app.door import Door, Server
from app.errors import CannotStart
from app.services import Services, open_services

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
        _cancel_on_signals()
        async with (
            open_services(settings, serving=True) as services,
            listening(services) as url,
        ):
            secrets = await services.first_start()
            if secrets:
                text = _FIRST_START.format(**secrets._asdict(), url=url)
                print(text, file=sys.stderr, flush=True)
            print(f"api-tokens ready on {url}", flush=True)
            await asyncio.Event().wait()


@asynccontextmanager
async def listening(services: Services) -> AsyncIterator[str]:
    """Accept connections; at the end stop accepting and finish what is in flight, bounded."""
    settings, door = services.settings, Door(services)
    server = Server(door.handle, keepalive_timeout=settings.keepalive_timeout)
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
        await door.close()
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
