"""A process that answers: the service on sockets it is given, under gunicorn's supervision."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain
from typing import Final

import uvloop
from gunicorn.workers import base

from app.config import Settings
from app.errors import CannotStart
from app.server import answering, cancel_on_signals, keep_out_of_collections
from app.services import open_services
from app.workers import lifeline
from app.workers.application import Application
from app.workers.job import Report

log = logging.getLogger("api_tokens")

# Held back from before the fork until a worker can heed them: none is lost.
ENDINGS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
PULSE: Final = 1.0
# Seconds before a start that failed is tried again: doubled from the first to the last.
SHORTEST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0


class Worker(base.Worker):
    """What gunicorn runs in each process that it forks."""

    app: Application
    place = 0

    def init_process(self) -> None:
        """Live as long as the supervisor does, and no longer."""
        lifeline.hold(self.ppid)
        super().init_process()

    def init_signals(self) -> None:
        """Take the supervisor's handlers away; those for an end come with the loop of `run`."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # The supervisor aborts a worker that gives no sign of life: without a core file, which
        # would have secrets in it, and whatever it is doing.
        signal.signal(signal.SIGABRT, lambda *_: os._exit(1))

    def load_wsgi(self) -> None:
        """There is no WSGI application to load."""

    def run(self) -> None:
        """Serve until a signal ends it."""
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        with suppress(asyncio.CancelledError):
            cancel_on_signals(ENDINGS)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
            own, neglected = self._sockets()
            async with self._beating(), AsyncExitStack() as stack:
                await _start(stack, self.app.job.settings, own, neglected)
                await asyncio.Event().wait()

    def _sockets(self) -> tuple[list[socket.socket], list[socket.socket]]:
        """The sockets of this worker, and of the next one; this process has done with all others.

        As long as anybody has one open, connections to it are made.
        """
        sockets = [socket.socket(fileno=listener.detach()) for listener in self.sockets]
        each = len(sockets) // self.cfg.workers
        places = [sockets[first : first + each] for first in range(0, len(sockets), each)]
        places = places[self.place :] + places[: self.place]
        for listener in chain.from_iterable(places[2:]):
            listener.close()
        return places[0], [*chain.from_iterable(places[1:2])]

    @asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        """Show the supervisor that the loop turns, to the very end."""
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()

    async def _beat(self) -> None:
        while True:
            self.notify()
            if lifeline.is_cut(self.ppid):
                os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(PULSE)


async def _start(stack: AsyncExitStack, settings: Settings, *sockets: list[socket.socket]) -> None:
    """Open the service, and accept connections; what goes wrong is told, and tried again."""
    pause = SHORTEST_PAUSE
    while complaint := await _complaint(stack, settings, *sockets):
        Report(os.getpid(), complaint).send()
        await stack.aclose()
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    keep_out_of_collections()
    Report(os.getpid()).send()


async def _complaint(
    stack: AsyncExitStack, settings: Settings, *sockets: list[socket.socket]
) -> str | None:
    """Why the service cannot be opened; None if it is open."""
    try:
        services = await stack.enter_async_context(open_services(settings, serving=True))
        await stack.enter_async_context(answering(services, *sockets))
    except CannotStart as error:
        return str(error)
    except Exception:
        log.exception("a worker cannot start")
        return "a worker failed; the lines above say how"
    return None
