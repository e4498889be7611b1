"""The processes of `api-tokens serve --workers N`, and a connection to each of them."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
import psutil
from yarl import URL

from tests.support import Server, until


def supervisor_of(server: Server) -> psutil.Process:
    """The child of a service that is not an embedded database."""
    children = psutil.Process(server.process.pid).children()
    [found] = [child for child in children if "app.workers" in " ".join(child.cmdline())]
    return found


def workers_of(server: Server) -> list[psutil.Process]:
    """The processes that answer."""
    return supervisor_of(server).children()


async def ended(process: psutil.Process) -> bool:
    """Whether a process does nothing any more, even if nobody has asked about its end."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def all_ended(processes: list[psutil.Process]) -> bool:
    """Whether this is so of all."""
    return all([await ended(process) for process in processes])


class Line:
    """One connection to a service, on which root calls; unlike a client's it is never renewed."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._token = token

    async def status(self, path: str, *arguments: Any, token: str | None = None) -> int:
        """The HTTP status of a call."""
        return (await self.answer(path, *arguments, token=token))[0]

    async def answer(self, path: str, *arguments: Any, token: str | None = None) -> tuple[int, Any]:
        """The HTTP status of a call, and what its body says."""
        body = orjson.dumps(arguments)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token or self._token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        [length] = re.findall(rb"content-length: (\d+)", answer.lower())
        return int(answer.split()[1]), orjson.loads(await self._reader.readexactly(int(length)))

    def ends_at(self, process: psutil.Process) -> bool:
        """Whether this process has the other end."""
        port = self._writer.get_extra_info("sockname")[1]
        return any(end.raddr and end.raddr.port == port for end in process.net_connections("tcp"))


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Line]:
    """A new connection, which some worker has accepted."""
    url = URL(server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield Line(reader, writer, server.root_token)
    finally:
        writer.close()


@asynccontextmanager
async def connected_to_all(server: Server) -> AsyncIterator[dict[psutil.Process, Line]]:
    """A connection to each of the workers there are."""
    found: dict[psutil.Process, Line] = {}

    async def is_complete() -> bool:
        line = await stack.enter_async_context(connected(server))
        assert await line.status("/v1/session/read") == 200
        found.update({worker: line for worker in workers_of(server) if line.ends_at(worker)})
        return found.keys() == set(workers_of(server))

    async with AsyncExitStack() as stack:
        await until(is_complete)
        yield found
