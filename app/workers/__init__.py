"""The service in several processes on one port: their parent, which owns what they share."""

import asyncio
import logging
import os
import pickle
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from app import database, embedded
from app.config import Settings
from app.errors import CannotStart
from app.server import bound, cancel_on_signals, url_of, welcome
from app.services import Services, open_services
from app.workers.job import Job, Report

log = logging.getLogger("api_tokens")

# Not by `-m`, which would take an `app` in the working directory for ours.
_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from app.workers import supervisor;"
    " supervisor.main()"
)
_HOME: Final = Path(__file__).resolve().parents[2]

# What a worker has open besides --database-connections: a listener, look-ups, and room.
CONNECTIONS_EACH: Final = 4
# For commands, for workers that follow on others, and for PostgreSQL itself.
CONNECTIONS_BESIDES: Final = 40
CONNECTIONS_AT_LEAST: Final = 100
FEW_CONNECTIONS: Final = (
    "the database takes %d connections, and %d workers may want %d: raise its max_connections, or "
    "give fewer --database-connections, which are for each worker"
)


async def serve(settings: Settings) -> None:
    """Run the service in `settings.workers` processes until SIGTERM or SIGINT.

    Says on stdout when all of them can answer.

    Raises:
        CannotStart: something is missing or wrong; the text is one line for the operator.
    """
    with suppress(asyncio.CancelledError):
        cancel_on_signals()
        async with _database(settings) as database_url:
            settings = replace(settings, database_url=database_url)
            async with _bound_for_all(settings) as sockets:
                url = url_of(settings, sockets[0])
                numbers = [[listener.fileno() for listener in own] for own in sockets]
                job = Job(os.getpid(), numbers, settings)
                supervisor = await _start(job)
            async with _running(supervisor, job) as reports:
                await _all_answer(reports, settings.workers)
                async with open_services(settings, serving=False) as services:
                    await _tell_of_few_connections(services)
                    await welcome(services, url)
                await _watch(reports)


@asynccontextmanager
async def _bound_for_all(settings: Settings) -> AsyncIterator[list[list[socket.socket]]]:
    """For each worker sockets of its own, at one address."""
    # First without sharing, or we might share the port with another service that has workers.
    async with bound(settings) as sockets:
        port = sockets[0].getsockname()[1]
    settings = replace(settings, port=port)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(bound(settings, shared=True))
            for _ in range(settings.workers)
        ]


def _database(settings: Settings) -> AbstractAsyncContextManager[str]:
    """The operator's database, or the embedded one with room for all workers."""
    if settings.database_url is not None:
        return nullcontext(settings.database_url)
    most = max(_connections(settings) + CONNECTIONS_BESIDES, CONNECTIONS_AT_LEAST)
    given = {"max_connections": str(most)}
    return embedded.serve(settings.data_dir, settings.embedded_user, given)


def _connections(settings: Settings) -> int:
    """How many all workers may have open."""
    return settings.workers * (settings.database_connections + CONNECTIONS_EACH)


async def _tell_of_few_connections(services: Services) -> None:
    """Warn of what would be refused under load, and only then."""
    with database.at_start():
        limit = await services.sql.row("_service/connection_limit", {})
    assert limit
    most = _connections(services.settings)
    if limit["connections"] < most:
        log.warning(FEW_CONNECTIONS, limit["connections"], services.settings.workers, most)


async def _start(job: Job) -> Process:
    """Start the supervisor, in a session of its own: a terminal's Ctrl-C is for us alone."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _PROGRAM, str(_HOME)),
        stdin=PIPE,
        stdout=PIPE,
        pass_fds=list(chain.from_iterable(job.sockets)),
        start_new_session=True,
    )
    assert process.stdin
    process.stdin.write(pickle.dumps(job))
    process.stdin.close()
    return process


@asynccontextmanager
async def _running(supervisor: Process, job: Job) -> AsyncIterator[asyncio.StreamReader]:
    """Give the workers' reports, which end with the last of them; see to it that they end."""
    assert supervisor.stdout
    try:
        yield supervisor.stdout
    finally:
        with suppress(ProcessLookupError):
            supervisor.terminate()
        try:
            async with asyncio.timeout(job.patience + 5):
                await supervisor.stdout.read()
        except TimeoutError:
            supervisor.kill()
        await supervisor.wait()


async def _all_answer(reports: asyncio.StreamReader, workers: int) -> None:
    """Return when so many workers answer."""
    answering = set[int]()
    async for line in reports:
        report = Report.of(line)
        if report.complaint:
            raise CannotStart(report.complaint)
        answering.add(report.pid)
        if len(answering) == workers:
            return
    raise CannotStart("the supervisor of the workers has ended")


async def _watch(reports: asyncio.StreamReader) -> None:
    """Pass on what workers say that came later, as long as there are any."""
    async for line in reports:
        report = Report.of(line)
        if report.complaint:
            log.error("worker %d cannot start: %s; it tries again", report.pid, report.complaint)
        else:
            log.info("worker %d answers", report.pid)
    raise CannotStart("the supervisor of the workers has ended")
